package play

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fuzz"
)

// Player plays a case up to its first wrong step. It must be safe for use by several goroutines.
type Player func(ctx context.Context, c cases.Case) (fuzz.Result, error)

// Hunt is a search for a case that an engine fails.
type Hunt struct {
	Draw   func() cases.Case
	Player Player
	AtOnce int           // cases
	For    time.Duration // after which no case is begun
	Most   int64         // cases that are begun; 0 is any number
	Shrink time.Duration // after which a found case gets no smaller
	// Hurry, if not nil, has cases judged sooner, or as ever again. No case is at work then.
	Hurry func(on bool)
	// Played is told of each case, one at a time, also of those that shrink a found one.
	Played func(c cases.Case, r fuzz.Result, took time.Duration)

	mu    sync.Mutex
	plays atomic.Int64
}

// Found is a case that an engine fails.
type Found struct {
	Case  cases.Case    // the smallest
	Wrong fuzz.Cell     // the first of its wrong cells
	First cases.Case    // as it was drawn
	Again bool          // it failed a second time
	Plays int64         // to confirm and shrink it
	Took  time.Duration // the same
}

// Run plays drawn cases until one fails, or the time is over: then there is none.
func (h *Hunt) Run(ctx context.Context) (*Found, error) {
	var failed atomic.Pointer[Found]
	var begun atomic.Int64
	end := time.Now().Add(h.For)
	g, ctx := errgroup.WithContext(ctx)
	for range h.AtOnce {
		g.Go(func() error {
			for failed.Load() == nil && ctx.Err() == nil && time.Now().Before(end) && (h.Most == 0 || begun.Add(1) <= h.Most) {
				c := h.Draw()
				r, err := h.play(ctx, c)
				if err != nil {
					return err
				}
				if len(r.Wrong) > 0 {
					first := c
					c.Steps = c.Steps[:r.Steps]
					failed.CompareAndSwap(nil, &Found{Case: c, First: first, Wrong: r.Wrong[0]})
				}
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	return failed.Load(), err
}

// Reduce confirms what was found and makes it smaller. A case that fails costs its deadline: all
// of this is done in a hurry, and what is left played once more without. When that does not fail,
// the drawn case is what was found.
func (h *Hunt) Reduce(ctx context.Context, found *Found) error {
	start, drawn := time.Now(), *found
	h.plays.Store(0)
	defer func() { found.Plays, found.Took = h.plays.Load(), time.Since(start) }()
	h.hurry(true)
	fails, err := h.shrink(ctx, found, start.Add(h.Shrink*3/4)) // the rest is for the last play
	h.hurry(false)
	if fails && err == nil {
		var again int
		again, err = h.first(ctx, found, []cases.Case{found.Case})
		found.Again = err == nil && again >= 0
	}
	if !found.Again {
		found.Case, found.Wrong = drawn.Case, drawn.Wrong
		return err
	}
	found.Case.Name = found.First.Name
	found.Case.Title, found.Case.Spec = found.Wrong.String(), found.Wrong.Reason
	return nil
}

func (h *Hunt) hurry(on bool) {
	if h.Hurry != nil {
		h.Hurry(on)
	}
}

// shrink makes what was found smaller until end, and reports whether it fails at all. It leaps to
// cases that are small already and may be wrong for the same reason, before it takes one piece
// after the other away.
func (h *Hunt) shrink(ctx context.Context, found *Found, end time.Time) (fails bool, err error) {
	for some := range slices.Chunk(append(fuzz.Leaps(found.Case, found.Wrong.Cell), found.Case), h.AtOnce) {
		i, err := h.first(ctx, found, some)
		if err != nil {
			return false, err
		}
		if fails = i >= 0; fails {
			found.Case = some[i]
			break
		}
	}
	if !fails {
		return false, nil
	}
	found.Case, err = fuzz.Shrink(found.Case, h.AtOnce, func(batch []cases.Case) (int, error) {
		if time.Now().After(end) {
			return -1, errEnough
		}
		return h.first(ctx, found, batch)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return true, err
}

var errEnough = errors.New("the time to shrink is over")

// first plays cases side by side and gives the first that failed, -1 for none. What is wrong
// in it becomes what is wrong in found.
func (h *Hunt) first(ctx context.Context, found *Found, batch []cases.Case) (int, error) {
	results := make([]fuzz.Result, len(batch))
	g, ctx := errgroup.WithContext(ctx)
	for i, c := range batch {
		g.Go(func() (err error) {
			c.Name = fmt.Sprintf("%s-play-%d", found.First.Name, h.plays.Add(1))
			results[i], err = h.play(ctx, c)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return -1, err
	}
	i := slices.IndexFunc(results, func(r fuzz.Result) bool { return len(r.Wrong) > 0 })
	if i >= 0 {
		found.Wrong = results[i].Wrong[0]
	}
	return i, nil
}

func (h *Hunt) play(ctx context.Context, c cases.Case) (fuzz.Result, error) {
	start := time.Now()
	r, err := h.Player(ctx, c)
	if err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.Played(c, r, time.Since(start))
	}
	return r, err
}
