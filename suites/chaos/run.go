package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/steady"
)

// run is one run on one backend: the parts of which its phases take what they need.
type run struct {
	cfg       *Config
	place     *place
	processes []*agent
	agents    enforcers
	policies  *policies
	load      *steady.Load
	journal   *journal
}

// Run does all phases on one backend, and records what was seen even when it failed.
func Run(ctx context.Context, cfg Config) error {
	began, drops := time.Now(), backlogDrops()
	result := &v1.Backend{Backend: cfg.Backend}
	r := &run{cfg: &cfg, place: newPlace(&cfg), processes: newAgents(&cfg), policies: &policies{}}
	for _, a := range r.processes {
		r.agents = append(r.agents, a)
	}
	r.journal = &journal{result: result, record: cfg.Record, tell: cfg.Progress, edits: func() int { return int(r.policies.edits.Load()) }}
	err := r.all(ctx)
	err = errors.Join(err, r.place.remove(ctx), uninstall(ctx, &cfg, r.processes))
	result.Done.Edits = r.journal.edits()
	result.Seconds = time.Since(began).Seconds()
	result.BacklogDrops = backlogDrops() - drops
	cfg.Record(result)
	return err
}

func (r *run) all(ctx context.Context) error {
	if err := r.journal.during("set up", func() error { return r.setUp(ctx) }); err != nil {
		return err
	}
	if err := r.load.Start(ctx); err != nil {
		return err
	}
	err := errors.Join(r.faults(ctx), r.load.End(context.WithoutCancel(ctx)))
	r.journal.result.Tally = r.load.Tally().Tally
	return err
}

// setUp makes pods, policies and agents, and leaves when all is enforced.
func (r *run) setUp(ctx context.Context) error {
	if err := r.place.create(ctx); err != nil {
		return err
	}
	t := r.cfg.Timing
	r.load = &steady.Load{
		Backend: r.cfg.Backend, Interval: t.Interval, Connect: t.Connect, Record: r.cfg.Record,
		Watcher: flows.Watcher{Fleet: r.place.fleet, Silence: t.Silence, Deadline: t.Deadline},
		Pass:    r.place.flows(near, far), Drop: r.place.flows(badNear, badFar),
	}
	r.policies = newPolicies(r.cfg.Client.NetworkingV1().NetworkPolicies(r.place.namespace), r.cfg.Sizes.CIDRs, r.friends()...)
	if err := r.policies.create(ctx); err != nil {
		return err
	}
	if err := r.agents.start(ctx); err != nil {
		return err
	}
	return r.load.Watcher.Await(ctx, r.load.Drop, false)
}

// friends are the addresses of the clients that must pass.
func (r *run) friends() []netip.Addr {
	return slices.Concat(r.place.pods[near].Addrs, r.place.pods[far].Addrs)
}

// phase is an action by its name in reports.
type phase struct {
	name string
	do   action
}

// phases are what is done under load, in this order.
func (r *run) phases(s schedule) []phase {
	sizes, done := r.cfg.Sizes, &r.journal.result.Done
	return []phase{
		{"kill -9", &endAgents{syscall.SIGKILL, s.kills, r.agents, r.policies, s.pace, r.journal, &done.Kills}},
		{"SIGTERM", &endAgents{syscall.SIGTERM, s.terms, r.agents, r.policies, s.pace, r.journal, &done.Terms}},
		{"recreate", &recreate{s.recreates, r.policies, r.journal}},
		{"API server stopped", &stopAPI{sizes.APIOutage, signalAPIServer, r.agents[s.outage], r.agents, r.journal}},
		{"lock held", &holdLock{sizes.LockHold, r.processes[0].on, r.agents, r.policies, s.pace, r.journal}},
		{"edits", &editRest{s.edits, r.policies, r.journal}},
		{"enough packets", &editEnough{uint64(sizes.MustDrop), r.load, r.policies, s.pace}},
	}
}

func (r *run) faults(ctx context.Context) error {
	s := draw(r.cfg.Seed, r.cfg.Sizes, len(r.agents), r.cfg.Timing.Verify)
	for _, p := range r.phases(s) {
		err := r.journal.during(p.name, func() error { return r.load.Under(ctx, p.name, p.do.Execute) })
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	d := &drifts{s.drifts, r.cfg.Backend, r.cfg.Timing.Verify, r.processes[0].on, r.load, r.journal}
	return r.journal.during("drift", func() error { return d.Execute(ctx) })
}

// signalAPIServer signals the API server's process, which runs in this sandbox.
func signalAPIServer(sig syscall.Signal) error {
	all, err := procfs.AllProcs()
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	for _, p := range all {
		if comm, err := p.Comm(); err == nil && comm == "kube-apiserver" {
			return signal(p.PID, sig)
		}
	}
	return errors.New("no kube-apiserver runs here")
}

// backlogDrops is the machine's count of packets that found a full receive queue, 0 where it
// can't be read.
func backlogDrops() uint64 {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	queues, err := proc.NetSoftnetStat()
	if err != nil {
		return 0
	}
	var sum uint64
	for _, q := range queues {
		sum += uint64(q.Dropped)
	}
	return sum
}

// journal keeps what was done when, and tells of it.
type journal struct {
	result *v1.Backend // so far
	record func(...v1.Record)
	tell   func(line string)
	edits  func() int // so far
	phase  string     // the present one
}

// during is a phase of the run.
func (j *journal) during(phase string, do func() error) error {
	j.phase = phase
	start := time.Now()
	err := do()
	took := time.Since(start).Seconds()
	j.record(&v1.Phase{Backend: j.result.Backend, Phase: phase, Seconds: took})
	d := j.result.Done
	j.tell(fmt.Sprintf("%-6s %-18s %6.1f s   edits %d  kills %d  terms %d  recreates %d", j.result.Backend, phase, took, j.edits(), d.Kills, d.Terms, d.Recreates))
	return err
}

// progress tells of the i-th of n, ten times in a phase.
func (j *journal) progress(i, n int, what string) {
	if i*10/n != (i-1)*10/n && i < n {
		j.tell(fmt.Sprintf("%-6s %s %d/%d", j.result.Backend, what, i, n))
	}
}

// fault notes what is done, for the reader of findings.
func (j *journal) fault(format string, args ...any) {
	j.record(&v1.Fault{Backend: j.result.Backend, Phase: j.phase, What: fmt.Sprintf(format, args...), At: probe.Now()})
}
