package run

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/profile"
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
	changes, failed int     // failed are writes that the API server refused
	late            time.Duration
	err             string // the first
}

// churns runs all rates, one after the other, and the bursts.
func (r *run) churns(ctx context.Context) error {
	return r.under(ctx, callPolicy(), func() error {
		if err := r.await(ctx, r.allCalls(maxPuppets), false, puppetPatience); err != nil {
			r.note("churn: nothing could be measured: the state before the changes is wrong: %v", err)
			return ctx.Err()
		}
		l := r.churning()
		for i, rate := range r.cfg.Churn.Rates {
			if err := r.churn(ctx, l, rate, uint64(i)); err != nil {
				return err
			}
		}
		return r.burst(ctx)
	})
}

// churning is the load, to be changed where the change before has left it.
func (r *run) churning() *load.Churning {
	if r.churned == nil {
		r.churned = load.NewChurning(&r.objects)
	}
	return r.churned
}

// churn changes the load by the clock, and puppets beside it: what is measured is how long
// after its time a puppet's flow was right.
func (r *run) churn(ctx context.Context, l *load.Churning, rate float64, n uint64) error {
	phase := fmt.Sprintf("churn-%gps", rate)
	r.cfg.Log(fmt.Sprintf("%s for %v", phase, r.cfg.Churn.For))
	w, err := r.watchPuppets(ctx, churnPuppets)
	if err != nil {
		return err
	}
	cpu, _ := r.meter.cpu()
	c := profile.DefaultChurn()
	c.Rate, c.For, c.Seed = rate, r.cfg.Churn.For, r.cfg.Profile.Seed+n
	g, gctx := errgroup.WithContext(ctx)
	var done churned
	g.Go(func() error {
		var err error
		done, err = r.changeLoad(gctx, l.Schedule(c))
		return err
	})
	g.Go(func() error { return w.toggle(gctx, c.For) })
	err = g.Wait()
	r.spent(phase, done.changes+w.count(), cpu)
	if done.reached < 0.95*rate || done.failed > 0 || done.late > time.Second {
		r.note("%s: the API server took %.1f changes per second, the last write began %v late at most, %d of %d failed %s", phase, done.reached, done.late.Round(time.Millisecond), done.failed, done.changes, done.err)
	}
	return w.end(ctx, phase, err)
}

// changeLoad makes the changes when they fall due, without waiting for those before, but for
// those of the same objects: a policy that is being replaced can't be updated.
func (r *run) changeLoad(ctx context.Context, changes iter.Seq[load.Change]) (churned, error) {
	var out churned
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(churnWriters)
	start, turns := time.Now(), turns{}
	for change := range changes {
		if err := pause(ctx, time.Until(start.Add(change.Due))); err != nil {
			return out, err
		}
		out.changes++
		out.late = max(out.late, time.Since(start)-change.Due)
		await, done := turns.take(change.Writes)
		g.Go(func() error {
			defer done()
			await()
			for _, wr := range change.Writes {
				if err := r.writer.Write(gctx, wr); err != nil {
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
	out.reached = float64(out.changes) / time.Since(start).Seconds()
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

// puppets are puppets whose flows are watched.
type puppets struct {
	r       *run
	ids     [][]probe.StreamID // of each puppet
	by      bystanders
	mu      sync.Mutex
	changes [][]Change
	busy    []sync.Mutex
}

// watchPuppets starts with no puppet there.
func (r *run) watchPuppets(ctx context.Context, n int) (*puppets, error) {
	w := &puppets{r: r, changes: make([][]Change, n), busy: make([]sync.Mutex, n)}
	if err := r.await(ctx, r.allCalls(n), false, puppetPatience); err != nil {
		return nil, err
	}
	for i := range n {
		ids, err := r.startStreams(ctx, r.calls(i), churnStep)
		if err != nil {
			return nil, err
		}
		w.ids = append(w.ids, ids)
	}
	var err error
	if w.by, err = r.watchBystanders(ctx); err != nil {
		return nil, err
	}
	return w, pause(ctx, preCheck+Hold)
}

// toggle makes puppets come and go by the clock, in turn.
func (w *puppets) toggle(ctx context.Context, d time.Duration) error {
	start, g := probe.Now(), errgroup.Group{}
	for i := 0; ; i++ {
		due := start + time.Duration(float64(i)/churnRate*float64(time.Second))
		if due-start >= d {
			break
		}
		if err := pause(ctx, due-probe.Now()); err != nil {
			return err
		}
		allow := i/len(w.ids)%2 == 0
		g.Go(func() error { return w.set(ctx, i%len(w.ids), allow, due) })
	}
	return g.Wait()
}

// set brings a puppet or takes it away.
func (w *puppets) set(ctx context.Context, i int, allow bool, due time.Duration) error {
	w.busy[i].Lock() // of one puppet, one change after the other
	defer w.busy[i].Unlock()
	c := Change{Allow: allow, Kind: PodDelete, Due: due, Call: probe.Now()}
	p := w.r.puppet(i)
	do := func(ctx context.Context) error { return w.r.writer.EndPod(ctx, p.Namespace, p.Name) }
	if allow {
		c.Kind = PodCreate
		do = func(ctx context.Context) error { return w.r.writer.StartPod(ctx, p) }
	}
	if err := persist(ctx, do); err != nil {
		return fmt.Errorf("puppet %d: %w", i, err)
	}
	c.Ack = probe.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.changes[i]); n > 0 {
		w.changes[i][n-1].Until = c.Call
	}
	w.changes[i] = append(w.changes[i], c)
	return nil
}

func (w *puppets) count() int {
	n := 0
	for _, c := range w.changes {
		n += len(c)
	}
	return n
}

// end lets the last changes become true, takes the puppets away and reads the streams.
func (w *puppets) end(ctx context.Context, phase string, err error) error {
	if err == nil {
		last := map[bool][]flow{}
		for i, c := range w.changes {
			if n := len(c); n > 0 {
				last[c[n-1].Allow] = append(last[c[n-1].Allow], w.r.calls(i)...)
			}
		}
		for allow, flows := range last {
			_ = w.r.await(ctx, flows, allow, w.r.cfg.Timing.Deadline) // the streams tell
		}
		err = pause(ctx, Hold)
	}
	ctx = context.WithoutCancel(ctx)
	for i, c := range w.changes {
		w.changes[i] = ended(c)
	}
	reports, stopErr := w.r.stopStreams(ctx, slices.Concat(w.ids...))
	if err == nil {
		err = stopErr
	}
	for i, ids := range w.ids {
		for _, c := range w.changes[i] {
			c.Kind = Kind(phase + "/" + string(c.Kind))
			w.r.keep(Judge(c, w.r.calls(i), reports[:len(ids)], w.r.cfg.Limits.MaxBlind+churnStep)...)
		}
		reports = reports[len(ids):]
		p := w.r.puppet(i)
		if endErr := w.r.writer.EndPod(ctx, p.Namespace, p.Name); err == nil {
			err = endErr
		}
	}
	if byErr := w.r.endBystanders(ctx, w.by, Beside); err == nil {
		err = byErr
	}
	return err
}

// burst has all puppets come at once, then all go, with quiet between.
func (r *run) burst(ctx context.Context) error {
	w, err := r.watchPuppets(ctx, maxPuppets)
	if err != nil {
		return err
	}
	err = func() error {
		for n := range 2 * r.cfg.Rounds {
			due, g := probe.Now(), errgroup.Group{}
			for i := range maxPuppets {
				g.Go(func() error { return w.set(ctx, i, n%2 == 0, due) })
			}
			if err := g.Wait(); err != nil {
				return err
			}
			if err := r.await(ctx, r.allCalls(maxPuppets), n%2 == 0, r.cfg.Timing.Deadline); ctx.Err() != nil {
				return err
			}
			if err := pause(ctx, 2*preCheck+Hold); err != nil {
				return err
			}
		}
		return nil
	}()
	return w.end(ctx, fmt.Sprintf("burst-%d", maxPuppets), err)
}
