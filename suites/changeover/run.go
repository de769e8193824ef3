package changeover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/steady"
	"github.com/netassay/netassay/suites/steady/account"
)

// Step is something that is done while flows are watched.
type Step struct {
	Name string // in reports: what is done
	Do   func(context.Context) error
	// Settles says that all flows must be right when it is done, before the next one begins.
	Settles bool
}

// Timing are the paces and bounds.
type Timing struct {
	Interval time.Duration // between packets of a stream
	Pace     time.Duration // between rounds of new connections of one client
	Connect  time.Duration // that a connection may take
	Silence  time.Duration // that is taken for dropped where only the pace depends on it
	Deadline time.Duration // for a pod to run, and for flows to become right
	Hold     time.Duration // for how long nothing is done, before the steps and after them
}

// DefaultTiming is that of the command.
func DefaultTiming() Timing {
	return Timing{
		Interval: 10 * time.Millisecond, Pace: 100 * time.Millisecond, Connect: 900 * time.Millisecond,
		Silence: 300 * time.Millisecond, Deadline: 2 * time.Minute, Hold: 10 * time.Second,
	}
}

// Config is one run.
type Config struct {
	Objects fixture.Run // its nodes are those that are watched
	Client  kubernetes.Interface
	Exec    pods.Execer
	Timing  Timing
	// Before is done when the pods run, and before anything is expected of them: the engine that
	// is to be replaced is started. Nil where it is at work already.
	Before func(context.Context) error
	Steps  []Step
	// Keep leaves the pods where they are.
	Keep bool
	// Record takes what is done and seen as it goes on.
	Record func(...v1.Record)
	// Say gets a line when a step begins or ends, and when a node is open or closed again.
	Say func(line string)
}

// run is what phases have in common.
type run struct {
	*Config
	place       *place
	by          index
	state       *state
	connections *connections
	load        *steady.Load
}

// Run watches while the steps are done. What was seen is recorded, also when a step failed. When
// ctx ends the watching does, and that is no error: the last step of a live cluster never ends by
// itself.
func Run(ctx context.Context, cfg Config) (err error) {
	r := &run{Config: &cfg}
	r.place = &place{
		objects: cfg.Objects, client: cfg.Client, exec: cfg.Exec, deadline: cfg.Timing.Deadline,
		fleet: probe.NewFleet(), pods: map[string]probe.Pod{},
	}
	if !cfg.Keep {
		defer func() { err = errors.Join(err, r.place.remove(ctx)) }()
	}
	if err := r.setUp(ctx); err != nil {
		return err
	}
	began := probe.Now()
	if err := r.load.Start(ctx); err != nil {
		return err
	}
	err = r.steps(ctx)
	err = errors.Join(err, r.load.End(context.WithoutCancel(ctx)))
	r.Record(r.connections.end()...)
	cfg.Record(&v1.Watched{Tally: r.load.Tally().Tally, Seconds: (probe.Now() - began).Seconds()})
	return err
}

func (r *run) setUp(ctx context.Context) error {
	r.Say(fmt.Sprintf("%d pods on %d nodes", len(r.Objects.Nodes)*len(fixture.WatchRoles()), len(r.Objects.Nodes)))
	if err := r.place.create(ctx); err != nil {
		return err
	}
	if r.Before != nil {
		if err := r.Before(ctx); err != nil {
			return err
		}
	}
	all := watches(r.Objects, r.place.pods)
	r.by = indexOf(all)
	r.state, r.connections = newState(r.by), &connections{r.by, map[flows.Flow]*v1.Exposure{}}
	r.Record(records(all)...)
	t := r.Timing
	r.load = &steady.Load{
		Interval: t.Interval, Pace: t.Pace, Connect: t.Connect, Record: func(...v1.Record) {},
		Watcher: flows.Watcher{Fleet: r.place.fleet, Silence: t.Silence, Deadline: t.Deadline, Refusing: true},
		Seen:    r.seen, Ended: r.ended,
	}
	r.load.Pass, r.load.Kept, r.load.Drop = split(all)
	r.Say("waiting until every policy is enforced")
	return nil
}

// steps does all steps between two times of quiet.
func (r *run) steps(ctx context.Context) error {
	quiet := func(name string) Step {
		return Step{Name: name, Do: func(ctx context.Context) error { return flows.Pause(ctx, r.Timing.Hold) }}
	}
	all := append([]Step{quiet("before")}, r.Steps...)
	for _, s := range append(all, quiet("after")) {
		if err := r.step(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

func (r *run) step(ctx context.Context, s Step) error {
	began := time.Now()
	r.Say(s.Name)
	r.Record(&v1.Fault{Phase: s.Name, What: s.Name, At: probe.Now()})
	err := r.load.Under(ctx, s.Name, func(ctx context.Context) error {
		if err := s.Do(ctx); err != nil || !s.Settles {
			return err
		}
		return r.load.Await(ctx)
	})
	r.Record(&v1.Phase{Phase: s.Name, Seconds: time.Since(began).Seconds()})
	return err
}

// seen is told of each new connection, one at a time.
func (r *run) seen(s account.Segment, f flows.Flow, blocked bool, o probe.Observation) {
	if line, news := r.state.see(s, f, blocked, o); news {
		r.Say(line)
	}
	if e := r.connections.see(s, f, blocked, o); e != nil {
		r.Record(e)
	}
}

// ended records what the streams of a segment showed.
func (r *run) ended(s account.Segment) {
	for _, e := range r.by.exposed(s) {
		r.Record(&e)
	}
}
