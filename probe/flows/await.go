package flows

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/probe"
)

// Fleet is what flows are watched with. A *probe.Fleet is one.
type Fleet interface {
	Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error)
	StartStream(ctx context.Context, client string, s probe.Stream) (probe.StreamID, error)
	StopStream(ctx context.Context, id probe.StreamID) (probe.StreamReport, error)
}

// Watcher waits for verdicts by new connections. It sets the pace of what is done; nothing
// is measured by it.
type Watcher struct {
	Fleet    Fleet
	Silence  time.Duration // that is taken for a deny; a connection may take three times as long
	Deadline time.Duration // for a verdict to become right
	// Refusing: a connection that is refused, or told to be unreachable, is denied too. Some
	// engines answer instead of dropping.
	Refusing bool
}

// poll is the time between two looks.
const poll = 10 * time.Millisecond

// Await polls by new TCP connections until all flows connect, or none does. After the
// deadline the error says which flow was seen to be wrong last.
func (w Watcher) Await(ctx context.Context, flows []Flow, allow bool) error {
	ctx, cancel := context.WithTimeout(ctx, w.Deadline)
	defer cancel()
	targets := w.targets(flows, allow)
	last := "nothing"
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		obs, err := w.probeAll(ctx, targets)
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(obs, func(o probe.Observation) bool { return !w.shows(o.Result, allow) })
		if i >= 0 {
			last = strings.TrimSpace(fmt.Sprintf("%s: %s %s", flows[obs[i].Cell], obs[i].Result, obs[i].Err))
		}
		return i < 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait for flows to be %s (last seen to be wrong: %s): %w", past(allow), last, err)
	}
	return nil
}

// targets are the probes of each client.
func (w Watcher) targets(flows []Flow, allow bool) map[string][]probe.Target {
	timeout := w.Silence
	if allow {
		timeout = 3 * w.Silence
	}
	out := map[string][]probe.Target{}
	for i, f := range flows {
		out[f.Client] = append(out[f.Client], probe.Target{Cell: i, Addr: f.Addr, Protocol: "TCP", Timeout: timeout})
	}
	return out
}

// probeAll has all clients probe their targets at the same time.
func (w Watcher) probeAll(ctx context.Context, targets map[string][]probe.Target) ([]probe.Observation, error) {
	var mu sync.Mutex
	var all []probe.Observation
	g, gctx := errgroup.WithContext(ctx)
	for client, ts := range targets {
		g.Go(func() error {
			obs, err := w.Fleet.Probe(gctx, client, ts)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, obs...)
			return err
		})
	}
	return all, g.Wait()
}

// shows reports whether a result is the wanted verdict. An Inconclusive one is neither.
func (w Watcher) shows(got probe.Result, allow bool) bool {
	switch got {
	case probe.Connected:
		return allow
	case probe.Dropped:
		return !allow
	case probe.Refused, probe.Unreachable:
		return !allow && w.Refusing
	case probe.Inconclusive:
	}
	return false
}

func past(allow bool) string {
	if allow {
		return "allowed"
	}
	return "denied"
}

// Pause waits for a part of a plan that is a length of time: the pace of faults, an outage,
// a hold. Nothing is taken to be true because it ended.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
