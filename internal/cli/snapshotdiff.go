package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reach/diff"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/manifests"
	"github.com/netassay/netassay/reach/tell"
	"github.com/netassay/netassay/reports/render"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/testbed"
)

// snapshotDiff is what netassay snapshot diff can be told.
type snapshotDiff struct {
	before, after string
	output        string
	live          bool
	lab           conformanceFlags // of --live
}

func newSnapshotDiff(stdio IO) *cobra.Command {
	d := snapshotDiff{output: "text", lab: conformanceFlags{
		bed: newBed([]string{testbed.Lab}, "ip-family", "nodes"), settings: conformance.Defaults(),
	}}
	c := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Say which flows were gained or lost between two snapshots, and by which policy",
		Long: `Compares what the NetworkPolicies of two states let through, and names for each group of flows that
has another verdict the policies that make the difference. BEFORE and AFTER are files that netassay
snapshot wrote, or manifests: a directory, or a file that ends in .yaml, .yml or .json.

Redacted snapshots can be compared when both were made with one --redact-key-file.

--live then plays both states with real packets, on the lab and with an engine: a flow of each change,
as far as one lab has room, and some that did not change.

Exit code 0: the same flows pass. 1: some were gained or lost. 2: the two can't be compared. With --live:
0: the engine does on both sides what the specification says. 1: it does not. 2: too little was seen.`,
		Example: `  netassay snapshot diff before.snapshot after.snapshot
  netassay snapshot diff prod.snapshot deploy/         # what applying deploy/ would change
  netassay snapshot diff before.snapshot after.snapshot -o html > diff.html
  netassay snapshot diff before.snapshot after.snapshot --live --engine calico`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("got %d snapshots: give two, %s BEFORE AFTER", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			d.before, d.after = args[0], args[1]
			return d.run(c.Context(), stdio)
		},
	}
	c.Flags().StringVarP(&d.output, "output", "o", d.output, "text, html or json")
	c.Flags().BoolVar(&d.live, "live", false, "play both states with real packets too, on the lab")
	c.Flags().StringVar(&d.lab.settings.Out, "out", "", "with --live: result directory (default results/<time>-snapshot-diff-<engine>)")
	d.lab.bed.register(c.Flags())
	return c
}

func (d *snapshotDiff) check() error {
	if err := d.lab.bed.check(); err != nil {
		return err
	}
	if err := suggest.OneOf("output format", d.output, "text", "html", "json"); err != nil {
		return err
	}
	for _, name := range []string{"engine", "proxy-mode", "out"} {
		if !d.live && d.lab.bed.set.Changed(name) {
			return fmt.Errorf("--%s is for packets: give --live too", name)
		}
	}
	if d.live && d.output != "text" {
		return fmt.Errorf("-o %s is for what is judged on paper: the result directory of --live has a page and JSON", d.output)
	}
	return nil
}

func (d *snapshotDiff) run(ctx context.Context, stdio IO) error {
	if err := d.check(); err != nil {
		return err
	}
	var sides [2]*inventory.Inventory
	for i, path := range []string{d.before, d.after} {
		v, err := readState(path)
		if err != nil {
			return err
		}
		if !sandbox.Inside() {
			tellRead(stdio.Err, v, path)
		}
		sides[i] = v
	}
	r := diff.Between(sides[0], sides[1])
	for i, v := range sides {
		for _, n := range tell.Notes(v) {
			r.Notes = append(r.Notes, []string{d.before, d.after}[i]+": "+n)
		}
	}
	if len(r.Changes) == 0 && r.Compared == 0 && len(sides[0].Pods) > 0 {
		return fmt.Errorf("%s and %s have no pods in common: redacted snapshots need the same --redact-key-file", d.before, d.after)
	}
	// Packets are sent by the second life of the same command line, whose first one has told the rest.
	if !d.live || !sandbox.Inside() {
		if err := d.write(stdio, r); err != nil {
			return fmt.Errorf("write difference: %w", err)
		}
	}
	switch {
	case d.live:
		return d.play(ctx, stdio, r, sides)
	case r.Count("gained")+r.Count("lost") > 0:
		return withCode(exitFail)
	}
	return nil
}

func (d *snapshotDiff) write(stdio IO, r *diff.Report) error {
	switch d.output {
	case "html":
		return r.HTML(stdio.Out)
	case "json":
		return render.JSON(stdio.Out, r)
	}
	return r.Text(stdio.Out)
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
