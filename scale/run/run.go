package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/hollow"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/measure"
)

// Run measures one engine. The result is there even when the run failed, and says what was
// seen until then; only a run that ended by itself is finished.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if _, blind := cfg.Engine.(engines.OnLinks); blind || cfg.Pool == nil && cfg.Guest == nil {
		cfg.NewPods = 0
	}
	families, began := cfg.families(), time.Now()
	rec := newRecorder(&cfg)
	if n := len(cfg.home().Nodes()); n < 2 && (cfg.Guest == nil || n == 0) {
		return rec.Result, fmt.Errorf("a scale run needs 2 nodes, %s has %d", cfg.home().Name(), n)
	}
	if len(families) == 0 {
		return rec.Result, errors.New("no IP family is left that the cluster, the load and the engine have: give another --ip-family")
	}
	if cfg.Guest != nil { // which has no say in them
		cfg.Profile.Families = choice(families)
	}
	err := runPhases(ctx, cfg, rec, phases)
	rec.Finished = err == nil
	for _, v := range rec.conclude(cfg.Limits, cfg.Judged) {
		rec.record(&v)
		rec.note("%s", v.Reason)
	}
	rec.note("%.0f s in all; senders missed %.1f %% of ticks; %s; families %v",
		time.Since(began).Seconds(), 100*rec.missed(), rec.others(&cfg), families)
	rec.record(&rec.Turn)
	return rec.Result, err
}

// others is what is known of other work on the machines.
func (r *Result) others(cfg *Config) string {
	switch waited := fmt.Sprintf(", a task waited for one %.0f %% of the time", 100*r.Host.Stalled); {
	case cfg.Guest != nil:
		return "what else the nodes had to do is not known"
	case !cfg.Sandboxed:
		return "other work on the host can't be told from the cluster's" + waited
	default:
		return fmt.Sprintf("other work on the host took %.0f %% of the processors", 100*r.foreign()) + waited
	}
}

// env is what phases are made of: each takes the parts that it needs.
type env struct {
	cfg     *Config
	life    context.Context // of what goes on beside phases: it ends with the run
	rec     *recorder
	cluster *cluster
	engine  *underTest
	traffic *traffic
	load    *population
	births  *births
}

// runPhases makes the environment, runs the phases that it is given for it, and stops what was
// started.
func runPhases(ctx context.Context, cfg Config, rec *recorder, phases func(*env) []phase) error {
	before, err := measure.ReadPressure()
	if err != nil && cfg.Guest == nil {
		return err
	}
	life, cancel := context.WithCancel(ctx)
	defer cancel()
	e, err := newEnv(life, &cfg, rec)
	if err != nil {
		return err
	}
	go wait.UntilWithContext(life, e.engine.meter.look, time.Second)
	err = perform(ctx, rec, phases(e), cfg.Skip)
	if cfg.Guest == nil { // else this machine is none of the cluster's
		after, pressureErr := measure.ReadPressure()
		rec.Host = after.Since(before)
		err = errors.Join(err, pressureErr)
	}
	return errors.Join(err, e.cluster.fleet.Close(), e.close(ctx))
}

func newEnv(life context.Context, cfg *Config, rec *recorder) (*env, error) {
	// Progress leaves out what is over at once: cycles repeat the same kinds many times.
	writer, err := hollow.NewWriter(cfg.home().REST(), hollow.ProgressLines(cfg.Log, time.Second))
	if err != nil {
		return nil, err
	}
	c := &cluster{
		home: cfg.home(), guest: cfg.Guest, client: writer.Client, writer: writer, fleet: probe.NewFleet(),
		nodes: cfg.home().Nodes(), families: cfg.families(), pods: map[string]probe.Pod{},
	}
	u := &underTest{recorder: rec, Engine: cfg.Engine, timing: cfg.Timing, node: &watchedNode{}}
	objects := load.Generate(cfg.Profile)
	if cfg.Guest == nil {
		c.machines = cfg.Lab.EngineNodes()
		u.node = watch(c.machines[0], cfg.Sandboxed, cfg.Log)
		u.meter = newMeter(u.node, cfg.Engine)
	} else {
		u.meter = &meter{node: u.node, far: newKubelets(c, rec).read} // there is no node to ask
		objects.Rename(cfg.Guest.prefix())
	}
	t := &traffic{recorder: rec, cluster: c, underTest: u, maxBlind: cfg.Limits.MaxBlind}
	return &env{
		cfg: cfg, life: life, rec: rec, cluster: c, engine: u, traffic: t,
		load: &population{objects: objects}, births: &births{traffic: t, pool: cfg.Pool},
	}, nil
}

// close ends what plays kubelets, the engine, and then what measured it.
func (e *env) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if e.load.kwok != nil {
		e.load.kwok.Stop(ctx)
	}
	if e.cfg.Guest != nil {
		return e.cfg.Guest.leave(ctx, e.cluster.client)
	}
	return errors.Join(e.engine.Stop(ctx), e.engine.node.close())
}

// action is what a phase does; an error ends the run.
type action interface {
	Execute(ctx context.Context) error
}

// phase is a part of a run, by the name that it has in results and that --skip takes.
type phase struct {
	name string
	action
}

// needed is how many phases, of those in order, can't be left out.
const needed = 4

// Optional are the phases that Config.Skip may name.
func Optional() []string {
	var out []string
	for _, p := range phases(&env{cfg: &Config{}})[needed:] {
		out = append(out, p.name)
	}
	return out
}

// phases are all, in order.
func phases(e *env) []phase {
	c := e.cfg
	if c.Guest != nil {
		return guestPhases(e)
	}
	begin := phase{"set up", setUp{e.traffic, e.births, e.life}}
	fill := phase{"populate", populate{e.traffic, e.load, e.life, c}}
	replace := phase{PodChurnPhase, podChurn{e.traffic, e.load, c.PodChurn, c.Profile.Seed}}
	if c.Footprint {
		return []phase{begin, fill, {"cold start", coldStart{e.engine}}, replace}
	}
	if c.Edits != nil {
		return editPhases(e, begin, fill)
	}
	return []phase{
		begin,
		{"control: no engine", nullControl{e.traffic, e.births, c.NewPods}},
		{"floor", floor{e.traffic, min(c.Samples, 30)}},
		{"baseline", baseline{e.traffic, e.life}},
		fill,
		{"loaded", rest{e.engine, v1.PhaseLoaded}},
		{"restart", restart{e.traffic}},
		{"policy create and delete", policyCreation{e.traffic, c.Samples}},
		{"ipBlock edits", blockEdits{e.traffic, c.CIDRs, c.Samples}},
		{"revoke and grant", revocation{e.traffic, c.Samples}},
		{"label changes", relabelling{e.traffic, c.Samples}},
		{"pod create and delete", podLife{e.traffic, c.Samples}},
		{"new pods", newPods{e.births, c.NewPods}},
		{"state", state{e.traffic, c.Rounds}},
		{"churn", churns{e.traffic, e.load, c}},
		{"after churn", rest{e.engine, v1.PhaseChurn}},
		{"cycles", cycles{e.engine, e.cluster, c.Cycles}},
		replace,
		{"delete all", clearAll{e.cluster, e.load}},
		{"after delete", rest{e.engine, v1.PhaseDeleted}},
	}
}

func perform(ctx context.Context, rec *recorder, phases []phase, skip []string) error {
	began := time.Now()
	for _, p := range phases {
		if slices.Contains(skip, p.name) {
			continue
		}
		start := time.Now()
		err := p.Execute(ctx)
		took := time.Since(start).Seconds()
		rec.reading(p.name, 0, "seconds", "s", took)
		rec.log(fmt.Sprintf("%-26s %6.1f s   (%.0f s in all)", p.name, took, time.Since(began).Seconds()))
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}
