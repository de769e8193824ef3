package cli

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/reach/tell"
	"github.com/netassay/netassay/reports/render"
)

// reachFlags are what netassay reach can be told.
type reachFlags struct {
	source
	from, to []string
	output   string
}

func newReach(stdio IO) *cobra.Command {
	var f reachFlags
	c := &cobra.Command{
		Use:   "reach",
		Short: "Say who can talk to whom by your NetworkPolicies",
		Long: `Reads manifests, a snapshot or a cluster, and says what the NetworkPolicies in it let through:
between workloads, between them and their nodes, and between them and the parts of the world that
ipBlocks tell apart. All ports of TCP, UDP and SCTP are judged, after the destination of a Service
has become a pod. It sends nothing, and says what the specification says, not what an engine does.

--from and --to take workloads or pods ("shop/web"), pods by labels ("shop/app=web"), all of a
namespace ("shop/"), an address, a CIDR that an ipBlock names, "world", "nodes" and "own node".`,
		Example: `  netassay reach -f deploy/                          # who can talk to whom
  netassay reach -f deploy/ --to shop/db             # who can reach the database
  helm template ./chart | netassay reach -f - -o mermaid
  netassay reach --context prod -n shop -o html > reach.html
  netassay reach --snapshot before.snapshot -o json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runReach(c.Context(), stdio, f) },
	}
	f.register(c.Flags(), true)
	c.Flags().StringSliceVar(&f.from, "from", nil, "only flows from these")
	c.Flags().StringSliceVar(&f.to, "to", nil, "only flows to these")
	c.Flags().StringVarP(&f.output, "output", "o", "table", "table, json, dot, mermaid or html")
	return c
}

func runReach(ctx context.Context, stdio IO, f reachFlags) error {
	writers := map[string]func(*tell.Report) error{
		"table":   func(r *tell.Report) error { return r.Table(stdio.Out) },
		"json":    func(r *tell.Report) error { return render.JSON(stdio.Out, r) },
		"dot":     func(r *tell.Report) error { return r.Dot(stdio.Out) },
		"mermaid": func(r *tell.Report) error { return r.Mermaid(stdio.Out) },
		"html":    func(r *tell.Report) error { return r.HTML(stdio.Out) },
	}
	write, ok := writers[f.output]
	if !ok {
		return suggest.Unknown("output format", f.output, slices.Sorted(maps.Keys(writers)))
	}
	v, origin, err := f.read(ctx, stdio)
	if err != nil {
		return err
	}
	tellRead(stdio.Err, v, origin)
	m := matrix.Of(v, matrix.Options{})
	from, err := f.chosen(m, f.from)
	if err != nil {
		return err
	}
	to, err := f.chosen(m, f.to)
	if err != nil {
		return err
	}
	q := tell.Question{From: from, To: to, Namespace: f.namespace}
	if f.output == "table" {
		q.Most = tell.MostRows + 1 // the one more has the last row know whether it is of one family alone
	}
	return write(tell.Reach(m, q, tell.Notes(v)))
}

// chosen are the classes that texts mean, nil when there is none.
func (f *reachFlags) chosen(m *matrix.Matrix, texts []string) ([]int, error) {
	var all []int
	for _, text := range texts {
		found, err := m.Named(text, f.within())
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
