package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// Prober is what the runner needs of the resident probers of a run; *probe.Fleet is one.
// It must be safe for use by several goroutines at once.
type Prober interface {
	Add(ctx context.Context, name string, d probe.Dial) error
	Remove(name string)
	// End ends the prober, and so the pod whose main process it is.
	End(ctx context.Context, name string) error
	Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error)
	// Interrupted is why the prober may not have answered others at some time in from..to,
	// nil when it was there as far as is known by now.
	Interrupted(name string, from, to time.Duration) error
	// Late is why a probe that was Dropped proves nothing after all: its receiver read it
	// too late. nil when that is not known.
	Late(o probe.Observation) error
	// One-way streams of new pods, and when their probers began.
	StartStream(ctx context.Context, client string, s probe.Stream) (probe.StreamID, error)
	Expect(client string, s probe.Stream) probe.Expected
	StopStream(ctx context.Context, id probe.StreamID) (probe.StreamReport, error)
	Began(name string) (at time.Duration, ok bool)
}

// Timing is how a run probes. The zero value of a field stands for its default.
type Timing struct {
	Timeout    time.Duration // of a probe; 400 ms
	Silence    time.Duration // of a probe that should go unanswered, which takes all of it; Timeout
	Hold       time.Duration // how long a verdict must stay right; 500 ms
	Deadline   time.Duration // from the ack of a step until all is right; 10 s
	RoundEvery time.Duration // least time between rounds over all cells; 400 ms
	FastEvery  time.Duration // least time between rounds over changing cells; 20 ms
	// CellsPerSecond bounds the probes of one fixture set: large matrices get fewer rounds.
	CellsPerSecond int           // 2500
	Fixture        time.Duration // until pods run, namespaces are gone and probers answer; 60 s
	Gather         time.Duration // how long a prober's events wait for others to share their way; 0
	// Patient steps end when their last probes have come back, not when these may be
	// presumed to have been dropped.
	Patient bool
}

// Config is one run.
type Config struct {
	Cluster clusters.Cluster
	Client  kubernetes.Interface // reaches the cluster's API server
	Fleet   Prober
	Cases   []cases.Case

	Engine        string
	EngineVersion string                // for the report; may be empty
	Unsupported   []engines.Unsupported // what the engine declares that it lacks
	// RestartEngine kills the engine's agents, calls meanwhile, and has them started again; nil
	// where that can't be done.
	RestartEngine restart
	// Explain asks the engine what it does to a flow, and why, a line for each end; nil where it
	// can't be asked.
	Explain func(ctx context.Context, f model.Flow) ([]string, error)
	// Settle returns when the engine goes by the labels that pods and these namespaces have now; nil
	// where it can't be asked. A case that changed labels is over when those that it found count again:
	// the next one would be judged by its delay.
	Settle func(ctx context.Context, namespaces []string) error
	// RunUnsupported judges what is unsupported and an excuse all the same; what is none is judged in
	// any case.
	RunUnsupported bool

	RunID    string           // lowercase letters and digits, at most 10: part of namespace names
	Tool     string           // version of netassay
	Command  []string         // that was typed to make the run, for the report
	Seed     uint64           // of the order of the cases
	Parallel int              // fixture sets that work at once; 2
	Paths    cases.PathChoice // beside those of the cases; "": none
	FailFast bool             // skip what remains after the first failed case
	Skip     Skips            // what is reported as Skipped, and why
	// Resumed, if not nil, is a run that did not come to its end. What it has judged counts as
	// found by this run, which plays the rest; their conditions must be the same.
	Resumed *v1.Run
	Brief   bool // Run's report keeps no cells; Play and Record give them all the same
	// Restricted makes pods conform to the restricted Pod Security Standard. What can't be
	// probed by such pods is skipped.
	Restricted bool
	// PullSecret is the .dockerconfigjson by which nodes pull the images; nil: none needed.
	PullSecret []byte
	// Keep leaves the fixture in the cluster.
	Keep   bool
	Timing Timing
	// Sentinel is the time between packets of each flow that is watched while the cases are
	// played, because nothing changes its verdict; 0: none is watched.
	Sentinel      time.Duration
	SentinelFleet SentinelFleet // one of its own when nil

	// Events, if not nil, is told of progress, one event at a time.
	Events func(Event)
	// Record, if not nil, takes what the run finds, as it goes on: what Run returns can be put
	// together from it, but for the end of the conditions.
	Record func(...v1.Record)
	// Processor, if not nil, is for how long the harness has had a processor, and for how long
	// it has waited for one, until now. Where it waits, the engine on the same machine does.
	Processor func() (had, waited time.Duration)
	// Now is the clock of observations, CLOCK_MONOTONIC when nil.
	Now func() time.Duration
}

// EventKind tells events apart.
type EventKind string

// The kinds of events.
const (
	RunStarted   EventKind = "run-started"   // Order, Total
	FixtureReady EventKind = "fixture-ready" // Set, Elapsed
	CaseStarted  EventKind = "case-started"  // Case, N, Total, Set
	CaseEnded    EventKind = "case-ended"    // Case, N (ended so far), Total, Result
	Trouble      EventKind = "trouble"       // Message: one line that belongs to no case
)

// Event is one piece of progress.
type Event struct {
	Kind    EventKind
	Case    string
	Set     string
	N       int
	Total   int
	Elapsed time.Duration
	Message string
	Order   []string // names of the cases that will run, in order
	Result  *v1.Case // complete, with its cells; not to be changed
}

const maxRunID = 10

// conditions are what decides which cases can run and what of them is judged.
func (c Config) conditions() conditions {
	k := conditions{nodes: len(c.Cluster.Nodes()), families: c.Cluster.Families(), restricted: c.Restricted, ownPorts: c.Paths == cases.OwnPaths}
	_, k.outside = c.Cluster.(clusters.Outside)
	_, k.addresses = c.Cluster.(clusters.Addresser)
	k.restarts = c.restarts()
	if !c.RunUnsupported {
		k.unsupported = slices.DeleteFunc(slices.Clone(c.Unsupported), func(u engines.Unsupported) bool { return !u.Excuse() })
	}
	return k
}

// unexcused is what to say of what the engine lacks and is judged by here all the same.
func (c Config) unexcused() (notes []string) {
	for _, u := range c.Unsupported {
		switch {
		case u.Excuse() || u.Family != "" && !slices.Contains(c.Cluster.Families(), u.Family):
		case u.Then == engines.Open:
			notes = append(notes, "the engine lacks this and leaves it open, so that it is judged: "+u.String())
		default:
			notes = append(notes, "the engine lacks this and does not say what it does then, so that it is judged: "+u.String())
		}
	}
	return notes
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Cluster == nil || c.Client == nil || c.Fleet == nil:
		return c, errors.New("run suite: cluster, client and fleet are needed")
	case c.RunID == "" || len(c.RunID) > maxRunID:
		return c, fmt.Errorf("run suite: run id %q must have 1 to %d characters", c.RunID, maxRunID)
	case len(c.Cluster.Nodes()) == 0:
		return c, errors.New("run suite: the cluster has no node that can hold pods")
	case len(c.Cluster.Families()) == 0:
		return c, errors.New("run suite: the cluster has no IP family")
	}
	if c.Parallel <= 0 {
		c.Parallel = 2
	}
	if c.Sentinel > 0 && c.SentinelFleet == nil {
		c.SentinelFleet = probe.NewFleet()
	}
	if c.Now == nil {
		c.Now = probe.Now
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	if c.Record == nil {
		c.Record = func(...v1.Record) {}
	}
	c.Timing = c.Timing.withDefaults()
	return c, nil
}

func (t Timing) withDefaults() Timing {
	orElse(&t.Timeout, 400*time.Millisecond)
	orElse(&t.Silence, t.Timeout)
	orElse(&t.Hold, 500*time.Millisecond)
	orElse(&t.Deadline, 10*time.Second)
	orElse(&t.RoundEvery, 400*time.Millisecond)
	orElse(&t.FastEvery, 20*time.Millisecond)
	orElse(&t.CellsPerSecond, 2500)
	orElse(&t.Fixture, time.Minute)
	return t
}

// InContainers is t with the defaults of where pods are containers: they come and go more
// slowly than processes, and share the machine with kubelets and, on kind, with the API
// server. What a prober says passes a runtime, a kubelet and the API server, each of which
// works as much for it as the probe itself does: hence fewer rounds, fewer and larger
// messages, and nothing presumed of what was sent a moment ago.
func (t Timing) InContainers() Timing {
	if t.Timeout <= 0 {
		t.Timeout = time.Second
		orElse(&t.Silence, 400*time.Millisecond)
	}
	orElse(&t.RoundEvery, 800*time.Millisecond)
	orElse(&t.Gather, 10*time.Millisecond)
	t.Patient = true
	orElse(&t.Deadline, 30*time.Second)
	orElse(&t.Fixture, 4*time.Minute)
	return t
}

func orElse[T int | time.Duration](v *T, fallback T) {
	if *v <= 0 {
		*v = fallback
	}
}
