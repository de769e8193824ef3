package run

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/scale/load"
)

const (
	churnPuppets = 10                   // that come and go while the load churns
	churnRate    = 2.0                  // of them per second
	churnStep    = 5 * time.Millisecond // between packets of a flow, of which there are many
	churnWriters = 64                   // writes in flight: more than an API server that keeps up ever has
)

// churned is what a churn of the load came to.
type churned struct {
	reached         float64 // changes per second
	took            time.Duration
	changes, failed int // failed are writes that the API server refused
	late            time.Duration
	err             string // the first
}

// churns runs all rates, one after the other, and the bursts.
type churns struct {
	*traffic
	load *population
	cfg  *Config
}

func (p churns) Execute(ctx context.Context) error {
	if p.guest != nil {
		return p.all(ctx, p.isolations(), p.isolations(), guestKinds())
	}
	return p.under(ctx, p.callPolicy(), func() error {
		return p.all(ctx, p.puppets(churnPuppets), p.puppets(maxPuppets), load.Kinds())
	})
}

// all has some actors come and go while changes of these kinds are made, and then many at once.
func (p churns) all(ctx context.Context, some, many []actor, kinds []load.Kind) error {
	if err := p.await(ctx, flowsOf(many), many[0].allowed, actorPatience); err != nil {
		p.note("churn: nothing could be measured: the state before the changes is wrong: %v", err)
		return ctx.Err()
	}
	for i, rate := range p.cfg.Churn.Rates {
		c := load.Churn{Rate: rate, For: p.cfg.Churn.For, Kinds: kinds, Seed: p.cfg.Profile.Seed + uint64(i)}
		if err := p.churn(ctx, some, c); err != nil {
			return err
		}
	}
	return p.burst(ctx, many)
}

// churn changes the load by the clock, and actors beside it: what is measured is how long
// after its time an actor's flows were right.
func (p churns) churn(ctx context.Context, actors []actor, c load.Churn) error {
	phase := fmt.Sprintf("churn-%gps", c.Rate)
	p.log(fmt.Sprintf("%s for %v", phase, c.For))
	w, err := p.watch(ctx, actors)
	if err != nil {
		return err
	}
	cpu, _ := p.meter.cpu()
	g, gctx := errgroup.WithContext(ctx)
	var done churned
	g.Go(func() error {
		var err error
		done, err = change(gctx, p.writer.Write, p.load.schedule(c))
		return err
	})
	g.Go(func() error { return w.toggle(gctx, c.For) })
	err = g.Wait()
	p.spent(phase, done.changes+w.count(), cpu)
	if done.reached < 0.95*c.Rate || done.failed > 0 || done.late > time.Second {
		p.note("%s: the API server took %.1f changes per second, the last write began %v late at most, %d of %d failed %s", phase, done.reached, done.late.Round(time.Millisecond), done.failed, done.changes, done.err)
	}
	return w.end(ctx, phase, err)
}

// burst has all actors change at once, then back, with quiet between.
func (p churns) burst(ctx context.Context, actors []actor) error {
	w, err := p.watch(ctx, actors)
	if err != nil {
		return err
	}
	err = func() error {
		for n := range 2 * p.cfg.Rounds {
			due, allow, g := probe.Now(), (n%2 == 0) != actors[0].allowed, errgroup.Group{}
			for i := range actors {
				g.Go(func() error { return w.set(ctx, i, allow, due) })
			}
			if err := g.Wait(); err != nil {
				return err
			}
			if err := p.await(ctx, flowsOf(actors), allow, p.timing.Deadline); ctx.Err() != nil {
				return err
			}
			if err := flows.Pause(ctx, 2*flows.PreCheck+flows.Hold); err != nil {
				return err
			}
		}
		return nil
	}()
	return w.end(ctx, fmt.Sprintf("burst-%d", len(actors)), err)
}

// change makes the changes when they fall due, without waiting for those before, but for
// those of the same objects: a policy that is being replaced can't be updated.
func change(ctx context.Context, write func(context.Context, load.Write) error, changes iter.Seq[load.Change]) (churned, error) {
	var out churned
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(churnWriters)
	start, turns := time.Now(), turns{}
	for change := range changes {
		if err := flows.Pause(ctx, time.Until(start.Add(change.Due))); err != nil {
			return out, err
		}
		out.changes++
		out.late = max(out.late, time.Since(start)-change.Due)
		await, done := turns.take(change.Writes)
		g.Go(func() error {
			defer done()
			await()
			for _, wr := range change.Writes {
				if err := write(gctx, wr); err != nil {
					mu.Lock()
					out.failed++
					if out.err == "" {
						out.err = fmt.Sprintf("%s: %v", change.Kind, err)
					}
					mu.Unlock()
				}
			}
			return nil
		})
	}
	err := g.Wait()
	out.took = time.Since(start)
	out.reached = float64(out.changes) / out.took.Seconds()
	return out, err
}

// turns keep the changes of an object in order.
type turns map[string]<-chan struct{} // by object: closed when its last change is made

// take gets in line behind the changes of these objects that were made before. await
// returns when it is its turn; done lets the next one go. Every change that was taken must
// be done, and none may wait for a later one.
func (t turns) take(writes []load.Write) (await, done func()) {
	var before []<-chan struct{}
	mine := make(chan struct{})
	for _, wr := range writes {
		key := wr.Object()
		if last := t[key]; last != nil && last != (<-chan struct{})(mine) {
			before = append(before, last)
		}
		t[key] = mine
	}
	return func() {
		for _, last := range before {
			<-last
		}
	}, func() { close(mine) }
}
