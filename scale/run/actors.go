package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
)

// actor is something that comes and goes by the clock, and the flows whose verdict follows it.
type actor struct {
	name    string
	flows   []flows.Flow
	allowed bool      // as they are at first
	kinds   [2]string // of deny and of allow
	// deny and allow change it; the one that it is at first is no error when it is so already.
	deny, allow func(context.Context) error
}

// puppets are n puppets as actors, none of which is there at first.
func (t *traffic) puppets(n int) []actor {
	var out []actor
	for i := range n {
		p := t.puppet(i)
		out = append(out, actor{
			name: p.Name, flows: t.calls(i), kinds: [2]string{PodDelete, v1.PodCreate},
			deny:  func(ctx context.Context) error { return t.writer.EndPod(ctx, p.Namespace, p.Name) },
			allow: func(ctx context.Context) error { return t.writer.StartPod(ctx, p) },
		})
	}
	return out
}

// flowsOf are the flows of all actors.
func flowsOf(all []actor) []flows.Flow {
	var out []flows.Flow
	for _, a := range all {
		out = append(out, a.flows...)
	}
	return out
}

// actorPatience is for all actors to be as wanted before a churn.
const actorPatience = 30 * time.Second

// stage is actors whose flows are watched.
type stage struct {
	*traffic
	actors  []actor
	streams *flows.Streams
	by      *bystanders
	mu      sync.Mutex
	changes []flows.Timeline // of each
	busy    []sync.Mutex
}

// watch starts with every actor as it is at first. All of them are alike in that.
func (t *traffic) watch(ctx context.Context, actors []actor) (*stage, error) {
	w := &stage{traffic: t, actors: actors, changes: make([]flows.Timeline, len(actors)), busy: make([]sync.Mutex, len(actors))}
	all := flowsOf(actors)
	if err := t.await(ctx, all, actors[0].allowed, actorPatience); err != nil {
		return nil, err
	}
	var err error
	if w.streams, err = flows.Start(ctx, t.fleet, all, probe.Stream{Interval: churnStep}); err != nil {
		return nil, err
	}
	if w.by, err = t.watchBystanders(ctx); err != nil {
		return nil, err
	}
	return w, flows.Pause(ctx, flows.PreCheck+flows.Hold)
}

// toggle makes actors come and go by the clock, in turn.
func (w *stage) toggle(ctx context.Context, d time.Duration) error {
	start, g := probe.Now(), errgroup.Group{}
	for i := 0; ; i++ {
		due := start + time.Duration(float64(i)/churnRate*float64(time.Second))
		if due-start >= d {
			break
		}
		if err := flows.Pause(ctx, due-probe.Now()); err != nil {
			return err
		}
		allow := (i/len(w.actors)%2 == 0) != w.actors[0].allowed
		g.Go(func() error { return w.set(ctx, i%len(w.actors), allow, due) })
	}
	return g.Wait()
}

// set brings an actor or takes it away.
func (w *stage) set(ctx context.Context, i int, allow bool, due time.Duration) error {
	w.busy[i].Lock() // of one actor, one change after the other
	defer w.busy[i].Unlock()
	c, do := flows.Change{Allow: allow, Due: due, Call: probe.Now()}, w.actors[i].deny
	if allow {
		do = w.actors[i].allow
	}
	if err := persistent(do)(ctx); err != nil {
		return fmt.Errorf("%s: %w", w.actors[i].name, err)
	}
	c.Ack = probe.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes[i].Add(c)
	return nil
}

func (w *stage) count() int {
	n := 0
	for _, c := range w.changes {
		n += len(c)
	}
	return n
}

// end lets the last changes become true, puts all actors back and reads the streams.
func (w *stage) end(ctx context.Context, phase string, err error) error {
	if err == nil {
		last := map[bool][]flows.Flow{}
		for i, c := range w.changes {
			if n := len(c); n > 0 {
				last[c[n-1].Allow] = append(last[c[n-1].Allow], w.actors[i].flows...)
			}
		}
		for allow, all := range last {
			_ = w.await(ctx, all, allow, w.timing.Deadline) // the streams tell
		}
		err = flows.Pause(ctx, flows.Hold)
	}
	ctx = context.WithoutCancel(ctx)
	for _, c := range w.changes {
		c.End(probe.Now() - flows.Hold/4)
	}
	watched, stopErr := w.stop(ctx, w.streams)
	errs := []error{err, stopErr}
	for i, changes := range w.changes {
		a := &w.actors[i]
		mine := slices.DeleteFunc(slices.Clone(watched), func(one flows.Watched) bool { return !slices.Contains(a.flows, one.Flow) })
		for _, c := range changes {
			kind := a.kinds[0]
			if c.Allow {
				kind = a.kinds[1]
			}
			w.keep(judge(phase+"/"+kind, c, toldTimes{}, mine, w.maxBlind+churnStep)...)
		}
		errs = append(errs, a.rest(ctx))
	}
	return errors.Join(append(errs, w.by.end(ctx, Beside))...)
}

// rest puts an actor back to what it was at first.
func (a *actor) rest(ctx context.Context) error {
	if a.allowed {
		return a.allow(ctx)
	}
	return a.deny(ctx)
}
