package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/suites/fixture"
)

// cleanThere removes what killed runs have left in a cluster that was there before.
type cleanThere struct {
	bed   bed
	run   string // the one to remove, "" for all that are old enough
	older time.Duration
}

// cleanLacks are the flags of a testbed that have nothing to do with cleaning, nor with reading.
func cleanLacks() []string {
	return []string{"engine", "ip-family", "registry", "image", "tolerate", "pull-secret", "restricted", "keep"}
}

func (c *cleanThere) clean(ctx context.Context, stdio IO) error {
	// Families are of no use here, and where no node tells them there would be an error.
	cluster, err := existing.Open(ctx, existing.Options{Kubeconfig: c.bed.Kubeconfig, Context: c.bed.Context, Families: "ipv4"})
	if err != nil {
		return err
	}
	all, err := cluster.Left(ctx, fixture.RunLabel)
	if err != nil {
		return err
	}
	var failed error
	found := false
	for _, l := range all {
		age := time.Since(l.Newest).Round(time.Second)
		switch {
		case c.run != "" && l.Run != c.run:
		case c.run == "" && age < c.older:
			found = true
			fmt.Fprintf(stdio.Out, "run %s may be at work: its newest of %d namespaces is %v old; --run %s removes it\n", l.Run, len(l.Namespaces), age, l.Run)
		default:
			found = true
			if err := cluster.Remove(ctx, l); err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			fmt.Fprintf(stdio.Out, "removed %d namespaces of run %s\n", len(l.Namespaces), l.Run)
		}
	}
	switch {
	case !found && c.run != "":
		return fmt.Errorf("%s has no namespaces of run %q", cluster.Name(), c.run)
	case !found:
		fmt.Fprintln(stdio.Out, "nothing was left behind")
	}
	return failed
}
