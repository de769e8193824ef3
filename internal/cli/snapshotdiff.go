package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reach/diff"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/manifests"
	"github.com/netassay/netassay/reach/tell"
	"github.com/netassay/netassay/reports/render"
)

func newSnapshotDiff(stdio IO) *cobra.Command {
	output := "text"
	c := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Say which flows were gained or lost between two snapshots, and by which policy",
		Long: `Compares what the NetworkPolicies of two states let through, and names for each group of flows that
has another verdict the policies that make the difference. BEFORE and AFTER are files that netassay
snapshot wrote, or manifests: a directory, or a file that ends in .yaml, .yml or .json.

Redacted snapshots can be compared when both were made with one --redact-key-file.

Exit code 0: the same flows pass. 1: some were gained or lost. 2: the two can't be compared.`,
		Example: `  netassay snapshot diff before.snapshot after.snapshot
  netassay snapshot diff prod.snapshot deploy/         # what applying deploy/ would change
  netassay snapshot diff before.snapshot after.snapshot -o json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("got %d snapshots: give two, %s BEFORE AFTER", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return runSnapshotDiff(stdio, args[0], args[1], output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", output, "text or json")
	return c
}

func runSnapshotDiff(stdio IO, before, after, output string) error {
	if err := suggest.OneOf("output format", output, "text", "json"); err != nil {
		return err
	}
	var sides [2]*inventory.Inventory
	for i, path := range []string{before, after} {
		v, err := readState(path)
		if err != nil {
			return err
		}
		tellRead(stdio.Err, v, path)
		sides[i] = v
	}
	r := diff.Between(sides[0], sides[1])
	for i, v := range sides {
		for _, n := range tell.Notes(v) {
			r.Notes = append(r.Notes, []string{before, after}[i]+": "+n)
		}
	}
	if len(r.Changes) == 0 && r.Compared == 0 && len(sides[0].Pods) > 0 {
		return fmt.Errorf("%s and %s have no pods in common: redacted snapshots need the same --redact-key-file", before, after)
	}
	write := func() error { return r.Text(stdio.Out) }
	if output == "json" {
		write = func() error { return render.JSON(stdio.Out, r) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("write difference: %w", err)
	}
	if r.Count("gained")+r.Count("lost") > 0 {
		return withCode(exitFail)
	}
	return nil
}

// readState reads a snapshot, or manifests where the path says so.
func readState(path string) (*inventory.Inventory, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file: give what netassay snapshot wrote, or manifests", path)
	case err != nil:
		return nil, fmt.Errorf("read state: %w", err)
	case info.IsDir() || slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
		return manifests.Read([]string{path}, manifests.Options{})
	}
	return readSnapshot(path)
}
