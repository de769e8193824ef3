package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/chaos/account"
)

// run is one run on one backend.
type run struct {
	cfg       Config
	namespace string
	fleet     *probe.Fleet
	pods      map[string]*pod
	agents    []*agent
	random    *rand.Rand
	result    *Result
	name      string // of the present phase

	versions map[version]*netv1.NetworkPolicy
	version  version
	edits    atomic.Int64
}

// Run does all phases on one backend. The result is there even when the run failed, and
// says what was seen until then.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	r := &run{
		cfg: cfg, namespace: "chaos-" + cfg.Backend, fleet: probe.NewFleet(), pods: map[string]*pod{},
		random: rand.New(rand.NewPCG(cfg.Seed, 1)), result: &Result{Backend: cfg.Backend},
	}
	began, drops := time.Now(), backlogDrops()
	r.newAgents()
	err := r.all(ctx)
	err = errors.Join(err, r.remove(ctx), r.stopAgents(ctx), r.fleet.Close())
	r.result.Done.Edits = int(r.edits.Load())
	r.result.Seconds = time.Since(began).Seconds()
	r.result.BacklogDrops = backlogDrops() - drops
	return r.result, err
}

func (r *run) all(ctx context.Context) error {
	for _, p := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"set up", r.setUp},
		{"floor", r.floor},
		{"policy creation", r.creation},
		{"edit figures", r.edition},
	} {
		if err := r.phase(p.name, func() error { return p.do(ctx) }); err != nil {
			return err
		}
	}
	l := r.newLoad()
	if err := l.start(ctx, "start"); err != nil {
		return err
	}
	err := errors.Join(r.faults(ctx, l), l.end(context.WithoutCancel(ctx)))
	r.result.Tally.Add(l.tally)
	return err
}

func (r *run) faults(ctx context.Context, l *load) error {
	done := &r.result.Done
	for _, p := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"kill -9", func(ctx context.Context) error {
			return r.ends(ctx, r.cfg.Sizes.Kills, syscall.SIGKILL, &done.Kills)
		}},
		{"SIGTERM", func(ctx context.Context) error {
			return r.ends(ctx, r.cfg.Sizes.Terms, syscall.SIGTERM, &done.Terms)
		}},
		{"recreate", r.recreate},
		{"API server stopped", r.apiOutage},
		{"lock held", r.lockHold},
		{"edits", r.editAll},
		{"enough packets", func(ctx context.Context) error { return r.enough(ctx, l) }},
	} {
		if err := l.during(ctx, p.name, p.do); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return r.phase("drift", func() error { return r.drift(ctx, l) })
}

// enough goes on editing until as many packets as wanted had to be dropped, within limits.
func (r *run) enough(ctx context.Context, l *load) error {
	limit := time.NewTimer(10 * time.Minute)
	defer limit.Stop()
	for {
		if err := l.rotate(ctx, "enough packets", false, false); err != nil {
			return err
		}
		l.mu.Lock()
		got := l.tally.UDP.MustDrop
		l.mu.Unlock()
		if got >= uint64(r.cfg.Sizes.MustDrop) {
			return nil
		}
		select {
		case <-limit.C:
			return nil // the verdict says that it was not enough
		default:
		}
		if err := r.editing(ctx, func(ctx context.Context) error { return pause(ctx, 5*time.Second) }); err != nil {
			return err
		}
	}
}

// setUp makes pods, policies and agents, and leaves when all is enforced.
func (r *run) setUp(ctx context.Context) error {
	if err := r.createPods(ctx); err != nil {
		return err
	}
	r.versions = map[version]*netv1.NetworkPolicy{open: r.largePolicy(open), closed: r.largePolicy(closed)}
	r.version = closed
	if err := r.create(ctx, r.versions[closed]); err != nil {
		return err
	}
	if err := r.startAgents(ctx); err != nil {
		return err
	}
	return r.awaitVerdict(ctx, r.flows(account.MustDrop, server, badNear, badFar), false)
}

func (r *run) phase(name string, do func() error) error {
	r.name = name
	start := time.Now()
	err := do()
	took := time.Since(start).Seconds()
	r.result.PhaseTimes = append(r.result.PhaseTimes, PhaseTime{name, took})
	d := r.result.Done
	r.cfg.Progress(fmt.Sprintf("%-6s %-18s %6.1f s   edits %d  kills %d  terms %d  recreates %d", r.cfg.Backend, name, took, r.edits.Load(), d.Kills, d.Terms, d.Recreates))
	return err
}

// every tells of progress ten times in a phase.
func (r *run) every(i, n int, what string) {
	if i*10/n != (i-1)*10/n && i < n {
		r.cfg.Progress(fmt.Sprintf("%-6s %s %d/%d", r.cfg.Backend, what, i, n))
	}
}

// fault notes what is done, for the reader of findings.
func (r *run) fault(format string, args ...any) {
	r.result.Faults = append(r.result.Faults, account.Fault{
		Backend: r.cfg.Backend, Phase: r.name, What: fmt.Sprintf(format, args...), At: probe.Now(),
	})
}

// backlogDrops is the machine's count of packets that found a full receive queue.
func backlogDrops() uint64 {
	text, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		return 0
	}
	var sum uint64
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			n, err := strconv.ParseUint(fields[1], 16, 64)
			if err == nil {
				sum += n
			}
		}
	}
	return sum
}
