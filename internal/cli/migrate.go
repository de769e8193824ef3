package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/migrate"
	"github.com/netassay/netassay/reports/render"
)

func newMigrate(stdio IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Change the engine that enforces policies, and know what changes with it",
		Example: `  netassay migrate check -f manifests --from azure-npm --to cilium
  netassay migrate watch --from azure-npm --to reference`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newMigrateCheck(stdio), newMigrateWatch(stdio))
	return c
}

// migrateOptions are what netassay migrate check can be told.
type migrateOptions struct {
	source
	output    string
	from, to  string
	nodeCIDRs []string
}

func newMigrateCheck(stdio IO) *cobra.Command {
	o := migrateOptions{output: "table"}
	c := &cobra.Command{
		Use:   "check --from ENGINE --to ENGINE",
		Short: "Say which policies mean something else under another engine",
		Long: `Reads manifests, a snapshot or a cluster, and says which of its policies mean something else when
one engine follows another: what opens, what closes, with the field, the reason, who says so, and what to write
instead. Each rule names conformance cases that show it with packets.

Engines: ` + strings.Join(migrate.EngineNames(), ", ") + `.
An engine can have a version, cilium@1.16; without one it is the newest that is known.

Whether a block holds pods or nodes hangs on their addresses. A cluster and a snapshot have them. Of
manifests give ranges by --pod-cidr and --node-cidr; without these every private range may hold them.

Exit code 0: nothing opens or closes. 1: something does. 2: nothing could be judged.`,
		Example: `  netassay migrate check --context prod --from azure-npm --to cilium
  netassay migrate check --snapshot prod.netassay --from azure-npm --to cilium
  netassay migrate check -f manifests --from azure-npm --to cilium@1.16 --pod-cidr 10.244.0.0/16 --node-cidr 10.224.0.0/16
  netassay migrate check -f manifests --from calico --to cilium -o json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runMigrateCheck(c.Context(), stdio, o) },
	}
	o.source.register(c.Flags(), true)
	c.Flags().StringVar(&o.from, "from", "", "engine that enforces now")
	c.Flags().StringVar(&o.to, "to", "", "engine that will")
	c.Flags().StringSliceVar(&o.nodeCIDRs, "node-cidr", nil, "ranges that nodes get their addresses from, where manifests have no nodes")
	c.Flags().StringVarP(&o.output, "output", "o", o.output, "table or json")
	return c
}

func runMigrateCheck(ctx context.Context, stdio IO, o migrateOptions) error {
	from, to, c, err := o.check()
	if err != nil {
		return err
	}
	inv, origin, err := o.source.read(ctx, stdio)
	if err != nil {
		return err
	}
	tellRead(stdio.Err, inv, origin)
	tellForeign(stdio, inv)
	if len(inv.Policies) == 0 {
		return fmt.Errorf("there is no NetworkPolicy in what was read from %s: read what has some", origin)
	}
	c.Inventory, c.Real = *inv, scheduled(inv)
	report := migrate.Check(c, from, to)
	write := report.Table
	if o.output == "json" {
		write = func(w io.Writer) error { return render.JSON(w, report) }
	}
	if err := write(stdio.Out); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	if report.Bad() {
		return withCode(exitFail)
	}
	return nil
}

// scheduled reports whether what was read is of a cluster: its nodes are there, and each pod is on
// one. The addresses of others were made up.
func scheduled(inv *inventory.Inventory) bool {
	return len(inv.Nodes) > 0 && !slices.ContainsFunc(inv.Pods, func(p model.Pod) bool { return p.Node == "" && len(p.IPs) > 0 })
}

// check checks the command line.
func (o migrateOptions) check() (from, to migrate.Engine, c migrate.Cluster, err error) {
	if err = suggest.OneOf("output format", o.output, "table", "json"); err != nil {
		return from, to, c, err
	}
	if from, err = engineFlag("from", o.from); err != nil {
		return from, to, c, err
	}
	if to, err = engineFlag("to", o.to); err != nil {
		return from, to, c, err
	}
	if c.PodRanges, err = rangesFlag("pod-cidr", o.podCIDRs); err != nil {
		return from, to, c, err
	}
	c.NodeRanges, err = rangesFlag("node-cidr", o.nodeCIDRs)
	return from, to, c, err
}

func engineFlag(flag, text string) (migrate.Engine, error) {
	if text == "" {
		return migrate.Engine{}, fmt.Errorf("--%s is missing: give an engine, one of %s", flag, strings.Join(migrate.EngineNames(), ", "))
	}
	e, err := migrate.ParseEngine(text)
	if err != nil {
		return e, fmt.Errorf("--%s: %w", flag, err)
	}
	return e, nil
}

func rangesFlag(flag string, texts []string) (ranges []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--%s %q is no range of addresses: give one like 10.244.0.0/16", flag, text)
		}
		ranges = append(ranges, p.Masked())
	}
	return ranges, nil
}
