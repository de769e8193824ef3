package changeover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Swap is a change of engine on the nodes of a lab.
type Swap struct {
	// Old and Next have an engine without agents for each node, so that it can be stopped alone.
	// Next is empty when nothing follows.
	Old, Next []engines.Engine
	Nodes     []engines.Node
	// Purge takes away what the old engine has left of rules, sets and links, as a new image of
	// the node does.
	Purge bool
	// Rolling changes one node after the other.
	Rolling bool
	// Gap is for how long no engine is at work on a node.
	Gap    time.Duration
	Record func(...v1.Record)

	before []belongings // by node
	atWork []engines.Engine
}

// Begin notes what is on the nodes and starts the old engine on them.
func (s *Swap) Begin(ctx context.Context) error {
	s.before = make([]belongings, len(s.Nodes))
	for i, n := range s.Nodes {
		var err error
		if s.before[i], err = look(ctx, n); err != nil {
			return err
		}
		if err := s.put(ctx, s.Old[i], n); err != nil {
			return err
		}
	}
	return nil
}

// put starts an engine on its node.
func (s *Swap) put(ctx context.Context, e engines.Engine, n engines.Node) error {
	s.atWork = append(s.atWork, e)
	if err := e.Start(ctx, []engines.Node{n}); err != nil {
		return fmt.Errorf("start %s on %s: %w", e.Name(), n.Name(), err)
	}
	return nil
}

// Steps are those of the change: of all nodes at once, or of one after the other.
func (s *Swap) Steps() []Step {
	var all []int
	for i := range s.Nodes {
		all = append(all, i)
	}
	if !s.Rolling {
		return s.change(all, "all nodes")
	}
	var steps []Step
	for _, i := range all {
		steps = append(steps, s.change([]int{i}, s.Nodes[i].Name())...)
	}
	return steps
}

// change are the steps on some nodes.
func (s *Swap) change(nodes []int, where string) []Step {
	each := func(do func(context.Context, int) error) func(context.Context) error {
		return func(ctx context.Context) error {
			for _, i := range nodes {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		}
	}
	old := s.Old[0].Name()
	steps := []Step{{Name: fmt.Sprintf("stop %s on %s", old, where), Do: each(s.stop)}}
	if s.Purge {
		steps = append(steps, Step{Name: fmt.Sprintf("take away what %s left on %s", old, where), Do: each(s.purge)})
	}
	if s.Gap > 0 {
		steps = append(steps, Step{Name: "no engine on " + where, Do: func(ctx context.Context) error { return flows.Pause(ctx, s.Gap) }})
	}
	if len(s.Next) > 0 {
		steps = append(steps, Step{Name: fmt.Sprintf("start %s on %s", s.Next[0].Name(), where), Do: each(s.start), Settles: true})
	}
	return steps
}

// most is how many names of what was left are kept.
const most = 10

func (s *Swap) stop(ctx context.Context, i int) error {
	n, old := s.Nodes[i], s.Old[i]
	if err := old.Stop(ctx); err != nil {
		return fmt.Errorf("stop %s on %s: %w", old.Name(), n.Name(), err)
	}
	s.atWork = slices.DeleteFunc(s.atWork, func(e engines.Engine) bool { return e == old })
	has, err := look(ctx, n)
	if err != nil {
		return err
	}
	left := has.since(s.before[i])
	for _, kind := range slices.Sorted(maps.Keys(left)) {
		names := left[kind]
		s.Record(&v1.Leftover{Engine: old.Name(), Node: n.Name(), Kind: kind, Count: len(names), Names: names[:min(most, len(names))]})
	}
	return nil
}

func (s *Swap) purge(ctx context.Context, i int) error { return s.before[i].restore(ctx, s.Nodes[i]) }

func (s *Swap) start(ctx context.Context, i int) error {
	if err := s.put(ctx, s.Next[i], s.Nodes[i]); err != nil {
		return err
	}
	s.Record(&v1.Fault{Phase: "start", What: fmt.Sprintf("%s says that it is in sync on %s", s.Next[i].Name(), s.Nodes[i].Name()), At: probe.Now()})
	return nil
}

// End stops what is at work.
func (s *Swap) End(ctx context.Context) error {
	var errs []error
	for _, e := range s.atWork {
		errs = append(errs, e.Stop(ctx))
	}
	return errors.Join(errs...)
}
