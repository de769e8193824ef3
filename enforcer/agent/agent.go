package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/model"
)

// Config is all that an agent needs.
type Config struct {
	Clients        *watch.Clients
	Node           string // name of the Node object whose pods are enforced
	Existing       plan.Existing
	Backend        kernel.Backend
	Runner         kernel.Runner // nil runs the real tools, of both families at once
	MinInterval    time.Duration // between syncs
	VerifyInterval time.Duration // between checks for drift; 0 is never
	DenyUnknown    bool          // drop addresses of the node's podCIDRs that no pod is known to own
	MetricsAddress string        // "" is none
	Pprof          bool          // serve profiles to the node itself, at the same address
	Host           Host          // nil is the node that the program runs on
	StatusFile     string        // "" is none
	Renew          bool          // Run may end with ErrRenew
	Log            *slog.Logger
}

// Agent is the loop.
type Agent struct {
	cfg      Config
	log      *slog.Logger
	watcher  *watch.Watcher
	compiler plan.Compiler
	kernel   *kernel.Kernel
	metrics  *metrics
	status   *status
	reporter *reporter

	past     past
	check    check
	ahead    []string // rules of others that can let packets by
	trimming trimming
	pending  watch.Changes // not in the kernel yet
	last     linkedPlan
	planned  bool
	policies []*netv1.NetworkPolicy     // of the last plan
	live     atomic.Pointer[linkedPlan] // in force, for explain
	explains sync.Mutex
	done     atomic.Pointer[LastChange]
	host     hostState
	links    *links
	beside   sync.WaitGroup               // what does not hold up the loop
	heirs    chan map[netip.Addr]struct{} // whose flows are to be forgotten; capacity 1
}

// linkedPlan is a plan and the links that it was made with.
type linkedPlan struct {
	plan.Plan
	links map[netip.Addr]string
}

// New returns an agent that has not started.
func New(cfg Config) *Agent {
	a := &Agent{
		cfg:      cfg,
		log:      cfg.Log,
		watcher:  watch.New(cfg.Clients, cfg.Node),
		metrics:  newMetrics(),
		status:   newStatus(cfg.StatusFile, cfg.Log),
		reporter: newReporter(cfg.Log, cfg.Node),
		pending:  watch.NewChanges(),
		trimming: trimming{renews: cfg.Renew},
		links:    newLinks(),
		host:     hostState{seen: make(chan view, 1)},
		check:    check{seen: make(chan sighting, 1)},
		heirs:    make(chan map[netip.Addr]struct{}, 1),
	}
	if a.cfg.Host == nil {
		a.cfg.Host = host.New()
	}
	a.watcher.Trouble = a.trouble
	a.metrics.countRequests(cfg.Clients.Requests)
	if cfg.Runner == nil {
		a.cfg.Runner = a.tools()
	}
	a.kernel = kernel.New(kernel.Options{Backend: cfg.Backend, Runner: measured{a.cfg.Runner, a.metrics}, Parallel: cfg.Runner == nil})
	return a
}

// Run enforces until ctx ends, and then leaves the kernel as it is. It fails only before
// it has begun: later errors are tried again for ever. With Config.Renew it may end with
// ErrRenew, when nothing waits to be done; what it left is taken over by the next Run.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer a.beside.Wait()
	defer cancel()
	if a.cfg.MetricsAddress != "" {
		// At once: a wrong address is an error at the start, not a line in the log later.
		l, err := a.listen(ctx)
		if err != nil {
			return err
		}
		a.beside.Go(func() { a.serve(ctx, l) })
	}
	a.beside.Go(func() { a.watcher.Run(ctx) })
	a.beside.Go(func() { a.watchRoutes(ctx) })
	a.beside.Go(func() { a.forgetFlows(ctx) })
	a.beside.Go(func() { a.reporter.post(ctx, a.cfg.Clients.Core) })
	return a.loop(ctx)
}

// heartbeat wakes the loop when nothing else does, so that /healthz can tell idle from
// stuck.
const heartbeat = 30 * time.Second

func (a *Agent) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	verify := time.NewTimer(0)
	defer verify.Stop()
	a.check.next(a.cfg.VerifyInterval)
	for {
		a.status.touch(time.Now())
		arm(timer, a.past.due(a.cfg.MinInterval))
		arm(quiet, a.trimming.at)
		arm(verify, a.check.at)
		select {
		case <-ctx.Done():
			return nil
		case <-a.watcher.Wake():
			a.woken()
		case <-timer.C:
			a.sync(ctx)
		case <-quiet.C:
			if err := a.trim(); err != nil {
				return err
			}
		case <-a.links.routed:
			a.lookAtHost()
		case <-look.C:
			a.lookAtHost()
		case v := <-a.host.seen:
			a.viewed(v)
		case <-verify.C:
			a.verify(ctx)
		case s := <-a.check.seen:
			a.verified(ctx, s)
		case <-alive.C:
		}
	}
}

// arm has a timer fire at a time; zero: not at all.
func arm(t *time.Timer, at time.Time) {
	if at.IsZero() {
		t.Stop()
	} else {
		t.Reset(time.Until(at))
	}
}

// woken takes note of a change of the cluster.
func (a *Agent) woken() {
	if a.past.Dirty.IsZero() {
		a.past.Dirty = time.Now()
	}
	a.past.Urgent = a.past.Urgent || a.watcher.Urgent()
}

// trouble notes requests to the API server that fail. Like those of syncs, the log has
// ever fewer of them.
func (a *Agent) trouble(k watch.Kind, failures int, err error) {
	a.status.away(k, err != nil, time.Now())
	switch {
	case err == nil:
		a.log.Info("watch recovered", "kind", k)
		return
	case failures&(failures-1) == 0:
		a.log.Warn("watch failing; keeping last known state", "kind", k, "failures", failures, "error", err)
	}
	a.metrics.watchErrors.WithLabelValues(string(k)).Inc()
}

// sync brings the kernel to the newest state of the cluster.
func (a *Agent) sync(ctx context.Context) {
	if len(a.watcher.Synced()) < len(watch.Kinds()) {
		a.past.Dirty, a.past.Retry, a.past.Failures = time.Time{}, time.Time{}, 0
		a.guard(ctx)
		return
	}
	start, before := time.Now(), worked()
	a.past.begin(start)
	a.inspect()
	changed := a.compile()
	a.apply(ctx, start)
	if changed { // to tell is not urgent
		a.reporter.update(a.last.Problems, a.policies, start)
		a.metrics.observePlan(a.last.Plan)
		a.metrics.observeCache(a.watcher)
	}
	a.past.end(worked() - before)
}

// compile makes a new plan, unless nothing has changed. Then there only is something to
// collect that could not be destroyed last time.
func (a *Agent) compile() (changed bool) {
	a.watcher.Read(func(snapshot model.Snapshot, changes watch.Changes) {
		a.pending.Merge(changes)
		if changed = !a.planned || a.pending.Events > 0 || a.host.changed; changed {
			began, before := time.Now(), worked()
			a.bind(snapshot)
			a.last, a.planned = linkedPlan{a.compiler.Compile(snapshot, a.options()), a.links.names}, true
			a.past.Busy = worked() - before
			a.metrics.stages.WithLabelValues("compute").Observe(time.Since(began).Seconds())
			a.policies = append(a.policies[:0], snapshot.Policies...)
		}
	})
	a.metrics.pending.Set(float64(a.pending.Events))
	a.status.waiting(a.pending.Since())
	return changed
}

// apply syncs the kernel to the last plan and takes note of how it went.
func (a *Agent) apply(ctx context.Context, start time.Time) {
	result, err := a.kernel.Sync(ctx, a.last.Plan, kernel.Hints{Transient: a.transient})
	a.metrics.observeSync(result)
	if err != nil {
		a.failed(ctx, err)
		return
	}
	now := time.Now()
	for kind, first := range a.pending.First {
		a.metrics.latency.WithLabelValues(string(kind)).Observe(now.Sub(first).Seconds())
	}
	if a.past.Failures > 0 {
		a.log.Info("sync recovered", "failures", a.past.Failures)
	}
	if result.Changed {
		a.log.Debug("synced", "events", a.pending.Events, "chains", result.ChainWrites, "sets", result.SetWrites,
			"lines", result.Lines, "uncollected", result.Uncollected, "took", time.Since(start))
	}
	if since := a.pending.Since(); !since.IsZero() {
		a.done.Store(&LastChange{Seen: since, Enforced: now})
	}
	a.inherited(a.pending.Heirs)
	a.pending, a.past.Failures = watch.NewChanges(), 0
	a.status.waiting(time.Time{})
	a.lookAhead(now)
	if a.host.lost != "" && len(a.kernel.Families()) > 1 {
		a.degrade(a.host.lost, false)
		a.host.lost = ""
	}
	live := a.last
	a.live.Store(&live)
	if result.Uncollected > 0 {
		a.past.Retry = now.Add(collectAgain)
	}
	a.trimming.synced(a.size(), now)
	a.metrics.pending.Set(0)
	a.metrics.synced.Set(1)
	a.metrics.lastSuccess.Set(float64(now.UnixMilli()) / 1000)
	a.succeeded(now)
}

// collectAgain is when to try again to destroy sets that the kernel still held.
const collectAgain = time.Second

func (a *Agent) succeeded(now time.Time) {
	first := false
	a.status.set(func(s *Status) {
		first = s.Syncs == 0
		s.Ready, s.Reason, s.LastSuccess, s.Problems = true, "", now, len(a.last.Problems)
		s.Syncs++
	})
	if first {
		objects, _ := a.watcher.Sizes()
		a.log.Info("in sync", "pods", objects[watch.Pods], "namespaces", objects[watch.Namespaces], "policies", objects[watch.Policies])
	}
}

// failed keeps the last good state and tries again later. The log has the first failure
// and then ever fewer of them: 1, 2, 4, 8 and so on.
func (a *Agent) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	a.past.Failures++
	delay := retryDelay(a.past.Failures, rand.Float64())
	if kernel.IsLocked(err) {
		delay = min(delay, lockRetry) // the tool has already waited
		a.metrics.lockTimeouts.Inc()
	}
	a.past.Retry = time.Now().Add(delay)
	a.metrics.synced.Set(0)
	if n := a.past.Failures; n&(n-1) == 0 {
		attrs := []any{"error", err, "failures", n, "retry", delay.Round(time.Millisecond)}
		var run *kernel.RunError
		if errors.As(err, &run) {
			attrs = append(attrs, "stderr", run.Stderr, "input", run.Stdin)
		}
		a.log.Error("sync failed; keeping last good state", attrs...)
	}
	a.status.set(func(s *Status) { s.Ready, s.Reason = false, fmt.Sprintf("last sync failed: %v", err) })
}

// lockRetry is the longest pause between attempts to get the xtables lock.
const lockRetry = time.Second

// transient tells the addresses whose pod began or ended since the last good sync.
func (a *Agent) transient(ip netip.Addr) bool {
	_, ok := a.pending.Transient[ip]
	return ok
}
