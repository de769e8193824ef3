package runner

import (
	"context"
	"slices"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/suites/cases"
)

// restart kills something, calls meanwhile, and has it started again.
type restart = func(ctx context.Context, meanwhile func(context.Context) error) error

// restarts are what can be restarted here, and how.
func (c Config) restarts() map[cases.Part]restart {
	all := map[cases.Part]restart{}
	if c.RestartEngine != nil {
		all[cases.Engine] = c.RestartEngine
	}
	if r, ok := c.Cluster.(clusters.APIRestarter); ok {
		all[cases.APIServer] = r.RestartAPIServer
	}
	return all
}

// Restart implements cases.World.
func (a *fixtureSet) Restart(ctx context.Context, part cases.Part, meanwhile func(context.Context) error) error {
	return a.stage.restarts[part](ctx, meanwhile)
}

// beside does what is done for a case, beside others, or alone if it restarts what they need too.
// A ctx that ends while it waits is for do to see.
func (s *Session) beside(ctx context.Context, c cases.Case, do func()) {
	share := int64(1)
	if c.Restarts("") {
		share = int64(cap(s.slots))
	}
	if s.shares.Acquire(ctx, share) == nil {
		defer s.shares.Release(share)
	}
	do()
}

// lonelyLast puts the cases that are played alone last, so that others wait for them once.
func lonelyLast(all []cases.Case) []cases.Case {
	slices.SortStableFunc(all, func(a, b cases.Case) int {
		switch x, y := a.Restarts(""), b.Restarts(""); {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	})
	return all
}
