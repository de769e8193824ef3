package play

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fuzz"
)

// open lets everything pass.
func open(model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
	return func(model.Flow) (model.Verdict, error) { return model.Allow, nil }, nil
}

func hunt(p Player) *Hunt {
	return &Hunt{
		Draw: fuzz.NewGenerator(1, fuzz.Options{Steps: 3}).Next, Player: p, AtOnce: 2, For: time.Minute, Shrink: time.Minute,
		Played: func(cases.Case, fuzz.Result, time.Duration) {},
	}
}

func TestFoundCaseIsConfirmedAndShrunk(t *testing.T) {
	h := hunt(OnPaper(open))
	found, err := h.Run(t.Context())
	if err != nil || found == nil {
		t.Fatalf("found %v, %v", found, err)
	}
	if err := h.Reduce(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if c := found.Case; !found.Again || len(c.Steps) != 1 || len(c.Steps[0].Do) != 1 || found.Plays < 2 {
		t.Errorf("failed again: %t; left after %d plays: %+v", found.Again, found.Plays, c)
	}
	r, err := fuzz.OnPaper(found.Case, open)
	if err != nil || len(r.Wrong) == 0 || found.Case.Title != found.Wrong.String() {
		t.Errorf("the smallest case gives %v, %v; it is called %q", r.Wrong, err, found.Case.Title)
	}
}

// A failure that does not come again is still one, and stays as it was drawn.
func TestFailureThatDoesNotComeAgain(t *testing.T) {
	var failed atomic.Bool
	h := hunt(func(ctx context.Context, c cases.Case) (fuzz.Result, error) {
		r := fuzz.Result{Steps: 2, Cells: 1, Outcome: v1.Pass}
		if failed.CompareAndSwap(false, true) {
			r.Wrong = []fuzz.Cell{{Step: "step 2"}}
		}
		return r, nil
	})
	found, err := h.Run(t.Context())
	if err != nil || found == nil {
		t.Fatalf("found %v, %v", found, err)
	}
	if err := h.Reduce(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if found.Again || found.Plays != 1 || len(found.Case.Steps) != 2 {
		t.Errorf("failed again: %t, after %d plays, %d steps; want the first two steps as they were", found.Again, found.Plays, len(found.Case.Steps))
	}
}

func TestHuntEnds(t *testing.T) {
	right := func(context.Context, cases.Case) (fuzz.Result, error) { return fuzz.Result{Outcome: v1.Pass}, nil }
	broken := errors.New("broken")
	var plays atomic.Int64
	for _, tc := range []struct {
		name string
		edit func(h *Hunt)
		want error
	}{
		{"when the time is over", func(h *Hunt) { h.For = time.Millisecond }, nil},
		{"after the most cases", func(h *Hunt) { h.Most = 3 }, nil},
		{"when a case can't be played", func(h *Hunt) {
			h.Player = func(context.Context, cases.Case) (fuzz.Result, error) { return fuzz.Result{}, broken }
		}, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			plays.Store(0)
			h := hunt(func(ctx context.Context, c cases.Case) (fuzz.Result, error) { plays.Add(1); return right(ctx, c) })
			tc.edit(h)
			if found, err := h.Run(t.Context()); found != nil || !errors.Is(err, tc.want) {
				t.Errorf("found %v, %v, want nothing and %v", found, err, tc.want)
			}
			if h.Most > 0 && plays.Load() != h.Most {
				t.Errorf("%d cases played, want %d", plays.Load(), h.Most)
			}
		})
	}
}

// What the runner says of a case: cells that were judged count, and those that failed are
// wrong, with what the engine did instead.
func TestResult(t *testing.T) {
	played := v1.Case{Outcome: v1.Fail, Reason: "r", Steps: []v1.Step{
		{Cells: []v1.Cell{{Outcome: v1.Pass}, {Outcome: v1.Inconclusive}}},
		{Cells: []v1.Cell{
			{Client: "x/a", Server: "y/b", Port: 80, Protocol: "TCP", Family: "IPv4", Want: "Deny", Outcome: v1.Fail, Because: "p denies", Reason: "Connected"},
			{Want: "Allow", Outcome: v1.Fail},
		}},
		{Outcome: v1.Skipped},
	}}
	r := result(played, 3)
	if r.Steps != 2 || r.Cells != 3 || len(r.Wrong) != 2 || r.Outcome != v1.Fail {
		t.Fatalf("%+v", r)
	}
	if got, want := r.Wrong[0].String(), "x/a -> y/b 80/TCP IPv4: want Deny, got Allow (p denies; Connected)"; got != want {
		t.Errorf("wrong: %s, want %s", got, want)
	}
	if got := r.Wrong[1].Got; got != model.Deny {
		t.Errorf("an outage got %s", got)
	}
	played.Outcome = v1.Inconclusive
	if r := result(played, 3); len(r.Wrong) > 0 {
		t.Errorf("an inconclusive case is wrong in %v", r.Wrong)
	}
}
