package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/measure"
)

// underTest is the engine, on the node where it is measured.
type underTest struct {
	*recorder
	engines.Engine
	timing Timing
	node   *watchedNode
	meter  *meter
}

// lacks is why the engine has not a feature, "" when it has, or is one of somebody else's cluster,
// which does not say.
func (u *underTest) lacks(feature string) string {
	if u.Engine == nil {
		return ""
	}
	for _, l := range u.Unsupported() {
		if l.Feature == feature {
			return l.Reason
		}
	}
	return ""
}

// start starts the engine and notes in which phases how long it took to be in sync.
func (u *underTest) start(ctx context.Context, phases ...string) error {
	ctx, cancel := context.WithTimeout(ctx, u.timing.Start)
	defer cancel()
	start := time.Now()
	if err := u.Start(ctx, []engines.Node{u.node}); err != nil {
		return fmt.Errorf("start engine %s: %w", u.Turn.Engine, err)
	}
	took := time.Since(start).Seconds()
	for _, phase := range phases {
		u.reading(phase, 0, "start", "s", took)
	}
	return nil
}

// atRest reads the engine's cost when it has come to rest. The reading counts in all phases.
func (u *underTest) atRest(ctx context.Context, phases ...string) error {
	still, err := u.meter.settled(ctx, u.timing.Settle)
	if err != nil {
		return err
	}
	if !still {
		u.note("%s: the engine did not come to rest within a minute", phases[0])
	}
	figures, err := u.meter.read(ctx)
	if err != nil {
		return err
	}
	line := phases[0] + ":"
	for _, f := range figures {
		for _, phase := range phases {
			u.reading(phase, 0, f.name, f.unit, f.value)
		}
		switch f.name {
		case v1.RSS, v1.HWM, "ipset", "bpf-maps":
			line += fmt.Sprintf(" %s %.1f MiB", f.name, f.value/(1<<20))
		case "ipset-entries", "iptables-rules":
			line += fmt.Sprintf(" %s %.0f", f.name, f.value)
		}
	}
	if len(figures) > 0 {
		u.log(line)
	}
	return nil
}

// spent notes the processor time of the engine and its tools over some changes.
func (u *underTest) spent(phase string, changes int, before measure.CPU) {
	after, ok := u.meter.cpu()
	if !ok || changes == 0 || before.Total() == 0 {
		return
	}
	u.reading(v1.PhaseChurn, 0, v1.CPUPerChange+"/"+phase, v1.UnitCPU, ms(after.Total()-before.Total())/float64(changes))
}

// rest reads what the engine costs at rest.
type rest struct {
	*underTest
	phase string
}

func (p rest) Execute(ctx context.Context) error { return p.atRest(ctx, p.phase) }

// coldStart starts the engine on the loaded cluster, where none has run before.
type coldStart struct{ *underTest }

func (p coldStart) Execute(ctx context.Context) error {
	if err := p.start(ctx, v1.PhaseColdStart); err != nil {
		return err
	}
	return p.atRest(ctx, v1.PhaseColdStart)
}

// baseline is the engine on a cluster with next to nothing in it.
type baseline struct {
	*traffic
	life context.Context // of what an engine's agents on the other nodes would do
}

func (p baseline) Execute(ctx context.Context) (err error) {
	if p.meter.bare, err = measure.ReadRules(ctx, p.node.Do); err != nil {
		return err
	}
	if err := p.start(ctx, v1.PhaseBaseline); err != nil {
		return err
	}
	if err := p.welcome(ctx, p.life); err != nil {
		return err
	}
	p.enforced = p.enforces(ctx, p.to(witness, stranger), p.to(witness, near, far)) == nil
	if !p.enforced {
		p.note("the policy of the witness is not enforced: flows beside the changes are not watched")
	}
	return errors.Join(ctx.Err(), p.atRest(ctx, v1.PhaseBaseline))
}

// restart ends the engine and starts it again on the loaded cluster, and watches what
// flows that nothing changes for see of it.
type restart struct{ *traffic }

func (p restart) Execute(ctx context.Context) error {
	by, err := p.watchBystanders(ctx)
	if err != nil {
		return err
	}
	err = flows.Pause(ctx, flows.PreCheck)
	if err == nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		err = p.Stop(stopCtx)
		cancel()
	}
	if err == nil {
		err = p.start(ctx, "restart", v1.PhaseColdStart)
	}
	if err == nil {
		err = flows.Pause(ctx, time.Second) // what an engine opens it may open after it says that it is in sync
	}
	if err := errors.Join(err, by.end(context.WithoutCancel(ctx), Restart)); err != nil {
		return err
	}
	return p.atRest(ctx, v1.PhaseLoaded, v1.PhaseColdStart)
}
