package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/hollow"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/measure"
)

// run is a run under way.
type run struct {
	cfg      Config
	client   kubernetes.Interface
	writer   *hollow.Writer
	fleet    *probe.Fleet
	node     *watchedNode // where the engine is
	nodes    []string
	podCIDRs []netip.Prefix // of that node
	families []model.Family
	pods     map[string]*pod
	objects  load.Objects
	meter    *meter
	result   *Result
	began    time.Time
	zero     time.Duration // of the harness's clock, at the start
	changes  int           // samples are numbered by
	enforced bool          // the witness's policy is in force
	size     v1.Point      // of the load so far

	kwok      *hollow.Kwok   // nil when the run has hollow pods run itself
	knowsSets bool           // the kernel was seen to hold exactly the sets expected
	churned   *load.Churning // the load as changes have left it; nil: nothing changed yet
}

// Run measures one engine. The result is there even when the run failed, and says what was
// seen until then; only a run that ended by itself is finished.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	r := newRun(cfg)
	if len(r.nodes) < 2 {
		return r.result, fmt.Errorf("a scale run needs 2 nodes, the lab has %d", len(r.nodes))
	}
	if len(r.families) == 0 {
		return r.result, errors.New("no IP family is left that the lab, the load and the engine have: give another --ip-family")
	}
	err := r.inLab(ctx, r.phases)
	r.result.Finished = err == nil
	for _, line := range r.result.conclude(cfg.Limits, cfg.Judged) {
		r.note("%s", line)
	}
	others := fmt.Sprintf("other work on the host took %.0f %% of the processors", 100*r.result.foreign())
	if !cfg.Sandboxed {
		others = "other work on the host can't be told from the cluster's"
	}
	r.note("%.0f s in all; senders missed %.1f %% of ticks; %s, a task waited for one %.0f %% of the time; families %v",
		time.Since(r.began).Seconds(), 100*r.result.missed(), others, 100*r.result.Host.Stalled, r.families)
	return r.result, err
}

func newRun(cfg Config) *run {
	if cfg.Pool == nil {
		cfg.NewPods = 0
	}
	r := &run{
		cfg: cfg, fleet: probe.NewFleet(), pods: map[string]*pod{}, nodes: cfg.Lab.Nodes(),
		began: time.Now(), zero: probe.Now(), families: cfg.families(),
	}
	r.result = &Result{Probed: !cfg.Footprint, Turn: v1.Turn{Engine: cfg.Name, Repeat: cfg.Repeat, Started: r.began.UTC()}}
	return r
}

// inLab makes clients, runs the phases, and stops what was started. What phases is given
// ends with the run: what goes on beside them.
func (r *run) inLab(ctx context.Context, phases func(life context.Context) []phase) (err error) {
	if r.writer, err = hollow.NewWriter(r.cfg.Lab.REST(), r.progress()); err != nil {
		return err
	}
	r.client = r.writer.Client
	r.node = watch(r.cfg.Lab.EngineNodes()[0], r.cfg.Sandboxed, r.cfg.Log)
	r.meter = newMeter(r.node, r.cfg.Engine)
	r.objects = load.Generate(r.cfg.Profile)
	before, err := measure.ReadPressure()
	if err != nil {
		return err
	}
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	go r.meter.follow(life)
	err = r.perform(ctx, phases(life))
	after, pressureErr := measure.ReadPressure()
	r.result.Host = after.Since(before)
	return errors.Join(err, pressureErr, r.fleet.Close(), r.stop(ctx))
}

// stop ends the engine, and then what measured it.
func (r *run) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if r.kwok != nil {
		r.kwok.Stop(ctx)
	}
	return errors.Join(r.cfg.Engine.Stop(ctx), r.node.close())
}

// phase is a part of a run.
type phase struct {
	name string
	do   func(context.Context) error
}

// needed is how many phases, of those in order, can't be left out.
const needed = 4

// phases are all, in order.
func (r *run) phases(life context.Context) []phase {
	setUp := phase{"set up", func(ctx context.Context) error { return r.setUp(ctx, life) }}
	populate := phase{"populate", func(ctx context.Context) error { return r.populate(ctx, life) }}
	podChurn := phase{"pod churn", r.podChurn}
	if r.cfg.Footprint {
		return []phase{setUp, populate, {"cold start", r.coldStart}, podChurn}
	}
	return []phase{
		setUp,
		{"control: no engine", r.nullControl},
		{"floor", r.floor},
		{"baseline", r.baseline},
		populate,
		{"loaded", func(ctx context.Context) error { return r.rest(ctx, v1.PhaseLoaded) }},
		{"restart", r.restart},
		{"policy create and delete", r.policyCreation},
		{"ipBlock edits", r.blockEdits},
		{"revoke and grant", r.revocation},
		{"label changes", r.relabelling},
		{"pod create and delete", r.podLife},
		{"new pods", r.newPods},
		{"state", r.stateConvergence},
		{"churn", r.churns},
		{"after churn", func(ctx context.Context) error { return r.rest(ctx, v1.PhaseChurn) }},
		{"cycles", r.cycles},
		podChurn,
		{"delete all", r.clear},
		{"after delete", func(ctx context.Context) error { return r.rest(ctx, v1.PhaseDeleted) }},
	}
}

// Optional are the phases that Config.Skip may name.
func Optional() []string {
	var out []string
	for _, p := range (&run{}).phases(context.Background())[needed:] {
		out = append(out, p.name)
	}
	return out
}

func (r *run) perform(ctx context.Context, phases []phase) error {
	for _, p := range phases {
		if slices.Contains(r.cfg.Skip, p.name) {
			continue
		}
		start := time.Now()
		err := p.do(ctx)
		took := time.Since(start).Seconds()
		r.reading(p.name, 0, "seconds", "s", took)
		r.cfg.Log(fmt.Sprintf("%-26s %6.1f s   (%.0f s in all)", p.name, took, time.Since(r.began).Seconds()))
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// setUp makes the pods that are watched, and wires what counts beside them.
func (r *run) setUp(ctx, life context.Context) error {
	node, err := r.client.CoreV1().Nodes().Get(ctx, r.nodes[0], metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, text := range node.Spec.PodCIDRs {
		cidr, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("read podCIDRs of %s: %w", r.nodes[0], err)
		}
		r.podCIDRs = append(r.podCIDRs, cidr)
	}
	if err := r.createWorld(ctx); err != nil {
		return err
	}
	if r.cfg.Pool != nil {
		if err := r.openTap(ctx); err != nil {
			return err
		}
	}
	return r.wirePuppets(ctx, life)
}

// nullControl shows that the method sees an engine that does nothing: policies that deny
// are there, and every flow passes; and the tap counts what reaches a new pod.
func (r *run) nullControl(ctx context.Context) error {
	c := &r.result.Controls
	flows := append(r.flows(server, near, far), r.flows(witness, stranger)...)
	if err := r.create(ctx, witnessPolicy()); err != nil {
		return err
	}
	err := r.under(ctx, isolatePolicy(), func() error {
		if err := r.await(ctx, flows, true, r.cfg.Timing.Deadline); err != nil {
			r.note("control: without an engine not every flow passes: %v", err)
			return ctx.Err()
		}
		c.NullConvicted = true
		return nil
	})
	if err != nil || r.cfg.NewPods == 0 {
		return err
	}
	if err := r.create(ctx, defaultDeny()); err != nil {
		return err
	}
	s, err := r.newPod(ctx, "new-control", time.Second)
	c.NullLeaked, c.NullRunning = s.leaked, s.running
	return err
}

// baseline is the engine on a cluster with next to nothing in it.
func (r *run) baseline(ctx context.Context) (err error) {
	if r.meter.bare, err = measure.ReadRules(ctx, r.node.Do); err != nil {
		return err
	}
	if err := r.startEngine(ctx, v1.PhaseBaseline); err != nil {
		return err
	}
	r.enforced = r.await(ctx, r.flows(witness, stranger), false, r.cfg.Timing.Deadline) == nil &&
		r.await(ctx, r.flows(witness, near, far), true, r.cfg.Timing.Deadline) == nil
	if !r.enforced {
		r.note("the policy of the witness is not enforced: flows beside the changes are not watched")
	}
	return errors.Join(ctx.Err(), r.rest(ctx, v1.PhaseBaseline))
}

func (r *run) startEngine(ctx context.Context, phases ...string) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timing.Start)
	defer cancel()
	start := time.Now()
	if err := r.cfg.Engine.Start(ctx, []engines.Node{r.node}); err != nil {
		return fmt.Errorf("start engine %s: %w", r.cfg.Name, err)
	}
	took := time.Since(start).Seconds()
	for _, phase := range phases {
		r.reading(phase, 0, "start", "s", took)
	}
	return nil
}

// rest reads the engine's cost when it has come to rest. The reading counts in all phases.
func (r *run) rest(ctx context.Context, phases ...string) error {
	still, err := r.meter.settled(ctx, r.cfg.Timing.Settle)
	if err != nil {
		return err
	}
	if !still {
		r.note("%s: the engine did not come to rest within a minute", phases[0])
	}
	figures, err := r.meter.read(ctx)
	if err != nil {
		return err
	}
	line := phases[0] + ":"
	for _, f := range figures {
		for _, phase := range phases {
			r.reading(phase, 0, f.name, f.unit, f.value)
		}
		switch f.name {
		case v1.RSS, v1.HWM, "ipset":
			line += fmt.Sprintf(" %s %.1f MiB", f.name, f.value/(1<<20))
		case "ipset-entries", "iptables-rules":
			line += fmt.Sprintf(" %s %.0f", f.name, f.value)
		}
	}
	r.cfg.Log(line)
	return nil
}

// restart ends the engine and starts it again on the loaded cluster, and watches what
// flows that nothing changes for see of it.
func (r *run) restart(ctx context.Context) error {
	by, err := r.watchBystanders(ctx)
	if err != nil {
		return err
	}
	err = pause(ctx, preCheck)
	if err == nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		err = r.cfg.Engine.Stop(stopCtx)
		cancel()
	}
	if err == nil {
		err = r.startEngine(ctx, "restart", v1.PhaseColdStart)
	}
	if err == nil {
		err = pause(ctx, time.Second) // what an engine opens it may open after it says that it is in sync
	}
	err = errors.Join(err, r.endBystanders(context.WithoutCancel(ctx), by, Restart))
	if err != nil {
		return err
	}
	return r.rest(ctx, v1.PhaseLoaded, v1.PhaseColdStart)
}

// coldStart starts the engine on the loaded cluster, where none has run before.
func (r *run) coldStart(ctx context.Context) error {
	if err := r.startEngine(ctx, v1.PhaseColdStart); err != nil {
		return err
	}
	return r.rest(ctx, v1.PhaseColdStart)
}

// note keeps what a reader of the figures has to know.
func (r *run) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.result.Notes = append(r.result.Notes, fmt.Sprintf("%s, repeat %d: %s", r.cfg.Name, r.cfg.Repeat, text))
	r.cfg.Log("note: " + text)
}
