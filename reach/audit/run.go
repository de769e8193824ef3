package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/shadow"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/judge"
)

// Timing are the paces and bounds.
type Timing struct {
	Timeout  time.Duration // of a probe
	Every    time.Duration // least time between two rounds
	Hold     time.Duration // how long a verdict must stay right
	Deadline time.Duration // for verdicts to become right, and for flows to open before and after
	Start    time.Duration // until all pods run
}

// DefaultTiming is for clusters of containers.
func DefaultTiming() Timing {
	return Timing{Timeout: time.Second, Every: time.Second, Hold: 2 * time.Second, Deadline: 30 * time.Second, Start: 4 * time.Minute}
}

// MostProbes is how many connections and datagrams with their answers a run makes at most: in each
// round one for each flow, and while it is judged three controls.
func (t Timing) MostProbes(flows int) int {
	open := 2 * (int(t.Deadline/t.Every) + 2)
	judged := int((t.Deadline+t.Hold)/t.Every) + 2
	return flows * (open + 4*judged)
}

// Fleet is what is asked of the resident probers; *probe.Fleet is one.
type Fleet interface {
	Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error)
	Interrupted(name string, from, to time.Duration) error
	Late(o probe.Observation) error
}

// Config is one run.
type Config struct {
	Plan    *shadow.Plan
	Objects fixture.Run // its nodes are the plan's affair
	Client  kubernetes.Interface
	Exec    pods.Execer
	// Read reads the cluster as it is.
	Read   func(context.Context) (*inventory.Inventory, error)
	Timing Timing
	Record func(...v1.Record)
	Say    func(line string)
}

// run is one in the making.
type run struct {
	Config
	fleet *probe.Fleet
	pods  []probe.Pod // of the plan, in its order
	asker
}

// Run makes the pods, asks, takes everything away, and records what the flows showed, also when it
// was ended early. acked is when the policies were there, zero when it did not come to that.
func Run(ctx context.Context, cfg Config) (acked time.Time, probes int, err error) {
	r := &run{Config: cfg, fleet: probe.NewFleet()}
	defer func() { err = errors.Join(err, r.remove(ctx)) }()
	acked, err = r.all(ctx)
	for _, a := range r.asked {
		a.judge(r.window)
		cfg.Record(r.flowRecord(a))
	}
	for _, s := range strata(cfg.Plan, r.asked) {
		cfg.Record(&s)
	}
	return acked, r.probes, err
}

// all does one phase after the other.
func (r *run) all(ctx context.Context) (acked time.Time, err error) {
	r.Say(fmt.Sprintf("starting %d pods in %d namespaces", len(r.Plan.Pods), len(r.Plan.Namespaces)))
	if err := r.place(ctx); err != nil {
		return acked, err
	}
	r.asker = newAsker(r.fleet, r.Plan, r.pods, r.Timing)
	r.Say(fmt.Sprintf("asking %d flows without any policy", len(r.asked)))
	if err := r.before(ctx); err != nil {
		return acked, err
	}
	r.window.Begun = probe.Now()
	if err := r.apply(ctx); err != nil {
		return acked, err
	}
	r.Say(fmt.Sprintf("%d policies are there; reading the cluster again", len(r.Plan.Policies)))
	v, err := r.Read(ctx)
	if err != nil {
		return acked, fmt.Errorf("read the cluster again: %w", err)
	}
	r.expect(r.Plan.Part(v))
	acked = time.Now().UTC()
	r.Say("asking the same flows under the policies")
	if err := r.under(ctx); err != nil {
		return acked, err
	}
	if err := r.withdraw(ctx); err != nil {
		return acked, err
	}
	r.Say("asking what was silent again, without any policy")
	return acked, r.after(ctx)
}

// expect takes in what the oracle says of the flows by the objects that are there.
func (k *asker) expect(s model.Snapshot) {
	type server struct {
		pod    int
		family model.Family
		port   shadow.Port
	}
	witness := map[server]int{}
	for i, reading := range k.plan.Read(s) {
		a := k.asked[i]
		a.reading = reading
		if reading.Gap != "" && a.outcome == "" {
			a.outcome, a.reason = v1.Skipped, reading.Gap
		}
		a.cell.Want, a.cell.Server = reading.Want, k.plan.Pods[a.flow.Server].Name
		to := server{a.flow.Server, a.flow.Family, a.flow.Port}
		if _, ok := witness[to]; !ok {
			witness[to] = k.plan.Witness(s, to.pod, to.family, to.port)
		}
		a.witness = witness[to]
	}
	k.window = judge.Window{Begun: k.window.Begun, Acked: probe.Now(), Hold: k.timing.Hold, Deadline: k.timing.Deadline}
}
