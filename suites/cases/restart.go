package cases

import (
	"context"
	"fmt"
	"slices"
)

// Part is a part of a cluster that can be killed and started again.
type Part string

// The parts.
const (
	Engine    Part = "engine"    // all agents of the engine under test
	APIServer Part = "apiserver" // which the engine does not reach until the changes are made
)

// Restart kills a part of the cluster with SIGKILL, changes policies and labels meanwhile, and
// has the part started again.
type Restart struct {
	Part Part
	Do   []Action // may be empty
}

func (a Restart) do(ctx context.Context, w World) error {
	return w.Restart(ctx, a.Part, func(ctx context.Context) error { return doAll(ctx, w, a.Do) })
}

func (a Restart) effect() Effect { return Effect{} }

func (a Restart) String() string {
	if len(a.Do) == 0 {
		return "restart " + string(a.Part)
	}
	return fmt.Sprintf("restart %s, meanwhile: %s", a.Part, joined(a.Do))
}

// Restart implements World: nothing of it is seen on paper.
func (p *FakeCluster) Restart(ctx context.Context, _ Part, meanwhile func(context.Context) error) error {
	return meanwhile(ctx)
}

// Restarts reports whether the case kills that part of the cluster, or any when it is "".
func (c Case) Restarts(part Part) bool {
	return does(c, func(a Restart) bool { return part == "" || a.Part == part })
}

// parts are what a case can restart.
func parts() []string { return []string{string(Engine), string(APIServer)} }

// known reports whether there is such a part.
func (p Part) known() bool { return slices.Contains(parts(), string(p)) }
