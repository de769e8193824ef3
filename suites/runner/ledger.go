package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// ledger is what is still to be played in a run, and what was found. It is safe for use by
// several goroutines.
type ledger struct {
	events   func(Event)
	record   func(...v1.Record)
	failFast bool
	brief    bool
	fit      conditions

	mu      sync.Mutex
	report  *v1.Run
	queue   []cases.Case
	total   int
	ended   int
	stopped string // why no further case is begun: fail-fast, Session.Skip
}

// newLedger queues the cases that can run and reports the others at once.
func newLedger(cfg Config) *ledger {
	k := cfg.conditions()
	l := &ledger{events: cfg.Events, record: cfg.Record, failFast: cfg.FailFast, brief: cfg.Brief, fit: k, report: &v1.Run{RunConditions: v1.RunConditions{
		Schema: v1.Schema, ID: cfg.RunID, Tool: cfg.Tool, Command: cfg.Command, Cluster: cfg.Cluster.Name(),
		Engine: cfg.Engine, EngineVersion: cfg.EngineVersion, Started: time.Now().UTC(),
		Nodes: len(cfg.Cluster.Nodes()), Seed: cfg.Seed, Parallel: cfg.Parallel, Paths: string(cfg.Paths), Timing: cfg.Timing.report(),
	}}}
	for _, f := range k.judged() {
		l.report.Families = append(l.report.Families, string(f))
	}
	for _, u := range k.unsupported {
		l.report.Lacks = append(l.report.Lacks, u.String())
	}
	l.report.Notes = cfg.unexcused()
	l.takeOver(cfg.Resumed)
	before := judged(cfg.Resumed)
	for _, c := range shuffled(cfg.Cases, cfg.Seed) {
		known, ok := before[c.Name]
		if !ok {
			known, ok = cfg.excluded(k, c)
		}
		if ok {
			l.report.Cases = append(l.report.Cases, known)
		} else {
			l.queue = append(l.queue, c)
		}
		if known.Outcome != v1.Skipped && known.Outcome != v1.NotSupported {
			l.report.Order = append(l.report.Order, c.Name)
		}
	}
	l.total = len(l.queue)
	return l
}

// take begins the queued case of that name, the first of the queue when it is "", and tells so
// before another can begin. It gives none when no case may be begun any more.
func (l *ledger) take(ctx context.Context, name string) (c cases.Case, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.queue, func(c cases.Case) bool { return name == "" || c.Name == name })
	if i < 0 || ctx.Err() != nil || l.stopped != "" {
		return cases.Case{}, false
	}
	c = l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	l.events(Event{Kind: CaseStarted, Case: c.Name, N: l.total - len(l.queue), Total: l.total})
	return c, true
}

// excluded reports a case that is not to be played, or can't be.
func (c Config) excluded(k conditions, known cases.Case) (v1.Case, bool) {
	if reason := c.Skip.reason(known.Name); reason != "" {
		return described(known, v1.Skipped, reason), true
	}
	outcome, reason, ok := k.triage(known)
	return described(known, outcome, reason), !ok
}

// takeOver makes this run the rest of an earlier one.
func (l *ledger) takeOver(before *v1.Run) {
	if before == nil {
		return
	}
	part := v1.Part{ID: before.ID, Cases: len(before.Order) - len(Unplayed(before))}
	for _, p := range before.Resumed {
		part.Cases -= p.Cases
	}
	l.report.Resumed = append(slices.Clone(before.Resumed), part)
	l.report.Notes = slices.Clone(before.Notes)
	l.report.Sentinel = before.Sentinel.Carried()
	l.report.Kubernetes, l.report.Kernel = before.Kubernetes, before.Kernel // should nothing be left to play
}

// begin records the conditions, and the cases that can't run or were judged before.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	conditions := l.report.RunConditions
	l.record(&conditions)
	for _, note := range l.report.Notes {
		l.record(&v1.Note{Text: note})
	}
	for i := range l.report.Cases {
		l.record(l.report.Cases[i].Records()...)
	}
	if l.report.Sentinel != nil {
		l.record(l.report.Sentinel.Records()...)
	}
}

// add reports a case. The lock is held.
func (l *ledger) add(c v1.Case) {
	l.record(c.Records()...)
	if l.brief {
		c = c.WithoutCells()
	}
	l.report.Cases = append(l.report.Cases, c)
}

// enqueue takes a case that comes late.
func (l *ledger) enqueue(c cases.Case) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if outcome, reason, ok := l.fit.triage(c); !ok {
		l.add(described(c, outcome, reason))
		return
	}
	l.queue, l.total = append(l.queue, c), l.total+1
	l.report.Order = append(l.report.Order, c.Name)
}

func (l *ledger) end(result v1.Case) {
	l.mu.Lock()
	l.add(result)
	l.ended++
	n := l.ended
	if l.failFast && result.Outcome == v1.Fail && l.stopped == "" {
		l.stopped = "fail-fast: " + result.Name + " failed"
	}
	l.mu.Unlock()
	l.tell(Event{Kind: CaseEnded, Case: result.Name, Set: result.FixtureSet, N: n, Total: l.total, Result: &result})
}

// stop keeps what is queued from being begun, for that reason.
func (l *ledger) stop(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = cmp.Or(l.stopped, reason)
}

// skip takes the cases of a feature out of the queue.
func (l *ledger) skip(f cases.Feature, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dequeue(func(c cases.Case) bool {
		if c.HasFeature(f) {
			l.add(described(c, v1.Skipped, reason))
			l.total--
		}
		return c.HasFeature(f)
	})
}

// forget takes all that is queued out of the run.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dequeue(func(cases.Case) bool { return true })
}

// dequeue takes cases out of the queue and the order. The lock is held.
func (l *ledger) dequeue(which func(cases.Case) bool) {
	l.queue = slices.DeleteFunc(l.queue, func(c cases.Case) bool {
		if !which(c) {
			return false
		}
		l.report.Order = slices.DeleteFunc(l.report.Order, func(name string) bool { return name == c.Name })
		return true
	})
}

// found takes what sentinels found, and tells of a leak at once.
func (l *ledger) found(f *v1.Finding) {
	l.mu.Lock()
	if l.report.Sentinel == nil {
		l.report.Sentinel = &v1.Sentinel{}
	}
	s := l.report.Sentinel
	s.Findings = append(s.Findings, *f)
	l.record(f)
	l.mu.Unlock()
	if f.What == "leaked" {
		l.tell(Event{Kind: Trouble, Message: fmt.Sprintf("sentinels: %d leaked at %s by %s, %s", f.Count, f.At.Format(time.TimeOnly), f.Protocol, f.Flow)})
	}
}

// sentinel takes what is to be said of the sentinels, beside what they found.
func (l *ledger) sentinel(s *v1.Sentinel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := *s
	if before := l.report.Sentinel; before != nil {
		whole.Findings = before.Findings
		if before.Outcome == v1.Fail && s.Outcome != v1.Fail { // of the run that this one goes on with
			whole.Outcome, whole.Kind, whole.Reason = before.Outcome, before.Kind, before.Reason
		}
	}
	l.report.Sentinel = &whole
	short := whole
	short.Findings = nil
	l.record(&short)
}

// close reports the cases that were never begun, and gives the whole report.
func (l *ledger) close(ctx context.Context) *v1.Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	outcome, reason := l.abandoned(ctx)
	for _, c := range l.queue {
		l.add(described(c, outcome, reason))
	}
	l.queue = nil
	slices.SortFunc(l.report.Cases, func(a, b v1.Case) int { return cmp.Compare(a.Name, b.Name) })
	return l.report
}

// abandoned is what becomes of a case that was never begun. The lock is held.
func (l *ledger) abandoned(ctx context.Context) (v1.Outcome, string) {
	switch {
	case l.stopped != "":
		return v1.Skipped, l.stopped
	case ctx.Err() != nil:
		return v1.Unfinished, "never begun: the run was stopped"
	}
	return v1.Unfinished, "never begun: the run could not go on"
}

// known is what is known of a case without playing it; an empty outcome says that it can
// be played.
func (l *ledger) known(ctx context.Context, name string) (v1.Case, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.report.Cases {
		if c.Name == name {
			return c, nil
		}
	}
	i := slices.IndexFunc(l.queue, func(c cases.Case) bool { return c.Name == name })
	switch {
	case i < 0:
		return v1.Case{}, fmt.Errorf("play case %q: the session has no such case, or is at work on it", name)
	case l.stopped != "" || ctx.Err() != nil:
		outcome, reason := l.abandoned(ctx)
		return described(l.queue[i], outcome, reason), nil
	}
	return v1.Case{}, nil
}

// tell passes an event on, one at a time.
func (l *ledger) tell(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events(e)
}

func (l *ledger) trouble(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.mu.Lock()
	l.report.Notes = append(l.report.Notes, message)
	l.record(&v1.Note{Text: message})
	l.mu.Unlock()
	l.tell(Event{Kind: Trouble, Message: message})
}
