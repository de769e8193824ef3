package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/steady"
)

// drifts destroys what the enforcer made on the server's node, in turn: its chains, its
// sets. What leaks or is lost until it is repaired is counted apart.
type drifts struct {
	plan    []drift
	backend string
	verify  time.Duration // between the agents' own checks
	node    commander
	load    *steady.Load
	journal *journal
}

// Execute implements action. It divides the load into segments itself.
func (a *drifts) Execute(ctx context.Context) error {
	for i, d := range a.plan {
		phase := fmt.Sprintf("drift %d", i+1)
		if _, err := a.load.Rotate(ctx, phase, true); err != nil {
			return err
		}
		if err := flows.Pause(ctx, d.pause); err != nil {
			return err
		}
		at := probe.Now()
		if err := a.destroy(ctx, d.sets); err != nil {
			return err
		}
		if err := a.repaired(ctx); err != nil {
			return err
		}
		seen, err := a.load.Rotate(ctx, "after "+phase, false)
		if err != nil {
			return err
		}
		if took, ok := repairTime(at, seen.Findings); ok {
			a.journal.result.Repairs = append(a.journal.result.Repairs, ms(took))
		}
		a.journal.result.Done.Drifts++
	}
	return nil
}

func (a *drifts) destroy(ctx context.Context, sets bool) error {
	if sets {
		a.journal.fault("all sets of %s emptied", a.node.Name())
		return a.node.Run(ctx, "", "ipset", "flush")
	}
	a.journal.fault("all chains of mangle on %s flushed", a.node.Name())
	for _, tool := range []string{"iptables-", "ip6tables-"} {
		if err := a.node.Run(ctx, "", tool+a.backend, "-w", "5", "-t", "mangle", "-F"); err != nil {
			return err
		}
	}
	return nil
}

// repaired waits for the agents' next check, and until all flows are right several times in
// a row.
func (a *drifts) repaired(ctx context.Context) error {
	if err := flows.Pause(ctx, a.verify+a.verify/4); err != nil {
		return err
	}
	for range 3 {
		if err := a.load.Await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// repairTime is from a destruction to the last packet that went wrong, false when none did.
func repairTime(at time.Duration, found []v1.Finding) (time.Duration, bool) {
	last := time.Duration(0)
	for _, f := range found {
		last = max(last, f.To)
	}
	return last - at, last > at
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
