package changeover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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

	before []belongings          // by node
	left   []map[string][]string // by node: what the old engine has left, once it is stopped
	mu     sync.Mutex
	atWork []engines.Engine
}

// Begin notes what is on the nodes and starts the old engine on them.
func (s *Swap) Begin(ctx context.Context) error {
	s.before, s.left = make([]belongings, len(s.Nodes)), make([]map[string][]string, len(s.Nodes))
	for i, n := range s.Nodes {
		var err error
		if s.before[i], err = look(ctx, n); err != nil {
			return err
		}
	}
	return each(ctx, s.all(), func(ctx context.Context, i int) error { return s.put(ctx, s.Old[i], s.Nodes[i]) })
}

// all are the numbers of all nodes.
func (s *Swap) all() []int {
	all := make([]int, len(s.Nodes))
	for i := range all {
		all[i] = i
	}
	return all
}

// each does something on some nodes at the same time, as agents on nodes know nothing of each other:
// what one node waits for is no part of another's gap.
func each(ctx context.Context, nodes []int, do func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, i := range nodes {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// put starts an engine on its node.
func (s *Swap) put(ctx context.Context, e engines.Engine, n engines.Node) error {
	s.mu.Lock()
	s.atWork = append(s.atWork, e)
	s.mu.Unlock()
	if err := e.Start(ctx, []engines.Node{n}); err != nil {
		return fmt.Errorf("start %s on %s: %w", e.Name(), n.Name(), err)
	}
	return nil
}

// Steps are those of the change: of all nodes at once, or of one after the other.
func (s *Swap) Steps() []Step {
	if !s.Rolling {
		return s.change(s.all(), "all nodes")
	}
	var steps []Step
	for _, i := range s.all() {
		steps = append(steps, s.change([]int{i}, s.Nodes[i].Name())...)
	}
	return steps
}

// change are the steps on some nodes.
func (s *Swap) change(nodes []int, where string) []Step {
	on := func(do func(context.Context, int) error) func(context.Context) error {
		return func(ctx context.Context) error { return each(ctx, nodes, do) }
	}
	old := s.Old[0].Name()
	steps := []Step{{Name: fmt.Sprintf("stop %s on %s", old, where), Do: func(ctx context.Context) error {
		defer s.tellLeft(nodes) // in their order, whoever ends first; also when one can't be stopped
		return each(ctx, nodes, s.stop)
	}}}
	if s.Purge {
		steps = append(steps, Step{Name: fmt.Sprintf("take away what %s left on %s", old, where), Do: on(s.purge)})
	}
	if s.Gap > 0 {
		steps = append(steps, Step{Name: "no engine on " + where, Do: func(ctx context.Context) error { return flows.Pause(ctx, s.Gap) }})
	}
	if len(s.Next) > 0 {
		steps = append(steps, Step{Name: fmt.Sprintf("start %s on %s", s.Next[0].Name(), where), Do: on(s.start), Settles: true})
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
	s.mu.Lock()
	s.atWork = slices.DeleteFunc(s.atWork, func(e engines.Engine) bool { return e == old })
	s.mu.Unlock()
	has, err := look(ctx, n)
	if err != nil {
		return err
	}
	s.left[i] = has.since(s.before[i])
	return nil
}

// tellLeft records what the old engine has left on nodes.
func (s *Swap) tellLeft(nodes []int) {
	for _, i := range nodes {
		for _, kind := range slices.Sorted(maps.Keys(s.left[i])) {
			names := s.left[i][kind]
			s.Record(&v1.Leftover{Engine: s.Old[i].Name(), Node: s.Nodes[i].Name(), Kind: kind, Count: len(names), Names: names[:min(most, len(names))]})
		}
	}
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
