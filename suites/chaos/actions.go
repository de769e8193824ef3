package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/suites/steady"
)

// An action is what one phase does to the cluster while packets flow.
type action interface {
	Execute(ctx context.Context) error
}

// endAgents kills or stops agents at random instants, while the large policy is edited, and
// starts each again at once. Some are ended again before they are in sync.
type endAgents struct {
	signal   os.Signal
	plan     []ending
	agents   enforcers
	policies *policies
	pace     *rand.Rand
	journal  *journal
	done     *int
}

// Execute implements action.
func (a *endAgents) Execute(ctx context.Context) error {
	return a.policies.editing(ctx, a.pace, func(ctx context.Context) error {
		for i, e := range a.plan {
			if err := a.one(ctx, e); err != nil {
				return err
			}
			*a.done++
			a.journal.progress(i+1, len(a.plan), fmt.Sprint(a.signal))
		}
		return a.agents.ready(ctx)
	})
}

func (a *endAgents) one(ctx context.Context, e ending) error {
	if err := flows.Pause(ctx, e.pause); err != nil {
		return err
	}
	if e.settled {
		if err := a.agents.ready(ctx); err != nil {
			return err
		}
		if err := flows.Pause(ctx, e.then); err != nil {
			return err
		}
	}
	victim := a.agents[e.agent]
	a.journal.fault("%v of the enforcer on %s", a.signal, victim.node())
	if err := victim.end(ctx, a.signal); err != nil {
		return err
	}
	return victim.start()
}

// recreate deletes a policy that selects the server too and makes it again. The flows under
// load don't depend on it: another policy isolates the server all the time, and this one
// allows nobody who is there.
type recreate struct {
	plan     []recreation
	policies *policies
	journal  *journal
}

// Execute implements action.
func (a *recreate) Execute(ctx context.Context) error {
	if err := a.policies.makeExtra(ctx); err != nil {
		return err
	}
	for i, r := range a.plan {
		for _, do := range []func(context.Context) error{
			a.policies.deleteExtra, pausing(r.gone), a.policies.makeExtra, pausing(r.there),
		} {
			if err := do(ctx); err != nil {
				return err
			}
		}
		a.journal.result.Done.Recreates++
		a.journal.progress(i+1, len(a.plan), "recreates")
	}
	return a.policies.deleteExtra(ctx)
}

func pausing(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error { return flows.Pause(ctx, d) }
}

// stopAPI stops the API server's process for a while. Half-way an agent is killed and has
// to start without it.
type stopAPI struct {
	length  time.Duration
	signal  func(syscall.Signal) error // to the API server
	victim  enforcer
	agents  enforcers
	journal *journal
}

// Execute implements action.
func (a *stopAPI) Execute(ctx context.Context) error {
	if a.length == 0 {
		return nil
	}
	a.journal.fault("API server stopped for %v", a.length)
	if err := a.signal(sigStop); err != nil {
		return fmt.Errorf("stop the API server: %w", err)
	}
	if err := errors.Join(a.meanwhile(ctx), a.signal(sigContinue)); err != nil {
		return err
	}
	a.journal.result.Done.APIOutages++
	return a.agents.ready(ctx)
}

func (a *stopAPI) meanwhile(ctx context.Context) error {
	if err := flows.Pause(ctx, a.length/2); err != nil {
		return err
	}
	a.journal.fault("%v of the enforcer on %s while the API server is stopped", syscall.SIGKILL, a.victim.node())
	if err := a.victim.end(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	a.journal.result.Done.Kills++
	return errors.Join(a.victim.start(), flows.Pause(ctx, a.length/2))
}

// commander runs commands on a node. An engines.Node is one.
type commander interface {
	Name() string
	Run(ctx context.Context, stdin string, argv ...string) error
}

// holdLock holds the server's node's xtables lock while the policy is edited. Only the
// legacy backend takes that lock.
type holdLock struct {
	length   time.Duration
	node     commander
	agents   enforcers
	policies *policies
	pace     *rand.Rand
	journal  *journal
}

// Execute implements action.
func (a *holdLock) Execute(ctx context.Context) error {
	if a.length == 0 {
		return nil
	}
	a.journal.fault("xtables lock of %s held for %v", a.node.Name(), a.length)
	err := a.policies.editing(ctx, a.pace, func(ctx context.Context) error {
		return a.node.Run(ctx, "", "sh", "-c", fmt.Sprintf(`exec flock "$XTABLES_LOCKFILE" sleep %d`, int(a.length.Seconds())))
	})
	if err != nil {
		return fmt.Errorf("hold the lock: %w", err)
	}
	a.journal.result.Done.LockHolds++
	return a.agents.ready(ctx)
}

// editRest makes the edits that are still missing.
type editRest struct {
	pauses   []time.Duration // as many as edits are wanted
	policies *policies
	journal  *journal
}

// Execute implements action.
func (a *editRest) Execute(ctx context.Context) error {
	for want := len(a.pauses); int(a.policies.edits.Load()) < want; {
		i := a.policies.edits.Load()
		if err := a.policies.edit(ctx); err != nil {
			return err
		}
		if err := flows.Pause(ctx, a.pauses[i]); err != nil {
			return err
		}
		a.journal.progress(int(i)+1, want, "edits")
	}
	return nil
}

// editEnough goes on editing until as many packets as wanted had to be dropped. When that
// takes too long, the verdict says that it was not enough.
type editEnough struct {
	want     uint64
	load     *steady.Load
	policies *policies
	pace     *rand.Rand
}

const (
	enoughLimit = 10 * time.Minute
	enoughLook  = 5 * time.Second // between two looks
)

// Execute implements action.
func (a *editEnough) Execute(ctx context.Context) error {
	for end := time.Now().Add(enoughLimit); ; {
		if _, err := a.load.Rotate(ctx, "enough packets", false); err != nil {
			return err
		}
		if a.load.MustDrop() >= a.want || time.Now().After(end) {
			return nil
		}
		if err := a.policies.editing(ctx, a.pace, pausing(enoughLook)); err != nil {
			return err
		}
	}
}
