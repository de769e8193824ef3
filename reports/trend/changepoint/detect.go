package changepoint

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/aclements/go-moremath/stats"
)

// Options say what counts as a change.
type Options struct {
	// Alpha is the p-value of the t-test that a change may have at most.
	Alpha float64
	// MinEffect is the change of level, as a share of the level before, that is worth telling, and
	// MinStep the same in standard deviations of the nights of one level: where nights differ
	// much, small changes are many, and mean nothing.
	MinEffect float64
	MinStep   float64
	// Window is how many nights are looked at together at most.
	Window int
	// MinRun is how many nights a level must have lasted, before a change and after it.
	MinRun int
}

// DefaultOptions are those of nightly trends. What they find and what they raise for nothing is
// measured by this package's tests.
func DefaultOptions() Options {
	return Options{Alpha: 0.002, MinEffect: 0.05, MinStep: 1.5, Window: 50, MinRun: 4}
}

// Check refuses options that mean nothing.
func (o Options) Check() error {
	switch {
	case !(o.Alpha > 0 && o.Alpha < 1):
		return fmt.Errorf("alpha %g: give a chance between 0 and 1, such as 0.002", o.Alpha)
	case !(o.MinEffect >= 0 && o.MinEffect < 100):
		return fmt.Errorf("least effect %g: give a share, such as 0.05 for 5 %%", o.MinEffect)
	case !(o.MinStep >= 0 && o.MinStep < 100):
		return fmt.Errorf("least step %g: give standard deviations, such as 1.5", o.MinStep)
	case o.MinRun < 2:
		return fmt.Errorf("shortest run %d: a level needs 2 nights at least", o.MinRun)
	case o.Window < 4*o.MinRun:
		return fmt.Errorf("window %d: give at least %d, four times the shortest run", o.Window, 4*o.MinRun)
	}
	return nil
}

// Change is a night from which on a series has another level.
type Change struct {
	At     int     // index of the first night of the new level
	Before float64 // median from the change before, or the beginning, until At
	After  float64 // median from At until the next change, or the end
	Effect float64 // of means without outliers, as a share of the one before: 0.1 is 10 % up; +Inf from 0
	P      float64 // of the t-test of the two levels
}

// Detect are the changes of level in values, one per night in their order, all of them finite.
func Detect(values []float64, o Options) ([]Change, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("value %d is %g: leave out nights without a figure", i, v)
		}
	}
	s := series{tamed: tame(values, o.MinRun), Options: o}
	var out []Change
	for _, c := range s.merge(s.candidates()) {
		c.Before, c.After = median(values[c.from:c.At]), median(values[c.At:c.to])
		out = append(out, c.Change)
	}
	return out, nil
}

// series is what one search works on.
type series struct {
	tamed []float64
	Options
}

// looseness is how much larger than Alpha a p-value may be while candidates are looked for.
const looseness = 10

// candidates are all splits that are significant at the loose level in some window, in order.
// Windows overlap by half, and the last ends where the series does.
func (s *series) candidates() []int {
	var at []int
	n := len(s.tamed)
	for from := 0; ; from += s.Window / 2 {
		to := min(from+s.Window, n)
		from = max(min(from, n-s.Window), 0)
		at = append(at, s.split(from, to)...)
		if to == n {
			slices.Sort(at)
			return slices.Compact(at)
		}
	}
}

// split divides a stretch where it divides best, and then its two sides, as long as the sides of
// a split differ.
func (s *series) split(from, to int) []int {
	at, until := s.best(from, to)
	if at == 0 || s.p(from, at, until) > min(looseness*s.Alpha, 0.05) {
		return nil
	}
	return slices.Concat(s.split(from, at), []int{at}, s.split(at, to))
}

// best is the split of a stretch into [from, at) and [at, until) whose sides are the furthest
// apart, by their energy distance times the harmonic mean of their lengths. The right side may end
// before the stretch does: what comes later may be another level. at is 0 in a stretch that is
// too short.
func (s *series) best(from, to int) (at, until int) {
	d := distances(s.tamed[from:to])
	most := math.Inf(-1)
	for i := s.MinRun; i+s.MinRun <= to-from; i++ {
		for j := i + s.MinRun; j <= to-from; j++ {
			if q := d.divergence(i, j); q > most {
				most, at, until = q, from+i, from+j
			}
		}
	}
	return at, until
}

// candidate is a change between two others, or the ends.
type candidate struct {
	Change
	step     float64 // in standard deviations
	from, to int
}

// merge takes candidates away, the least significant first, until the rest is significant and
// large enough, each against the whole levels beside it.
func (s *series) merge(at []int) []candidate {
	for {
		all := s.between(at)
		i, bad := s.weakest(all)
		if !bad {
			return all
		}
		at = slices.Delete(slices.Clone(at), i, i+1)
	}
}

func (s *series) between(at []int) []candidate {
	bounds := slices.Concat([]int{0}, at, []int{len(s.tamed)})
	out := make([]candidate, len(at))
	for i := range at {
		from, to := max(bounds[i], at[i]-s.Window), min(bounds[i+2], at[i]+s.Window)
		left, right := s.tamed[from:at[i]], s.tamed[at[i]:to]
		out[i] = candidate{
			Change: Change{At: at[i], Effect: effect(mean(left), mean(right)), P: s.p(from, at[i], to)},
			step:   math.Abs(mean(left)-mean(right)) / deviation(left, right),
			from:   from, to: to,
		}
	}
	return out
}

// weakest is the candidate to take away first, if there is one to take away.
func (s *series) weakest(all []candidate) (i int, bad bool) {
	if len(all) == 0 {
		return 0, false
	}
	worst := slices.MaxFunc(all, func(a, b candidate) int { return cmp.Compare(a.P, b.P) })
	if worst.P <= s.Alpha {
		worst = slices.MinFunc(all, func(a, b candidate) int { return cmp.Compare(a.size(s.Options), b.size(s.Options)) })
	}
	i = slices.IndexFunc(all, func(c candidate) bool { return c.At == worst.At })
	return i, worst.P > s.Alpha || worst.size(s.Options) < 1
}

// size is how large the change is beside the least that counts.
func (c candidate) size(o Options) float64 {
	return min(math.Abs(c.Effect)/o.MinEffect, c.step/o.MinStep)
}

// p is the p-value of a two-sided t-test of two stretches that meet at at. Two constant stretches
// differ for certain, or not at all.
func (s *series) p(from, at, to int) float64 {
	left, right := stats.Sample{Xs: s.tamed[from:at]}, stats.Sample{Xs: s.tamed[at:to]}
	if min(len(left.Xs), len(right.Xs)) < s.MinRun {
		return 1
	}
	r, err := stats.TwoSampleTTest(left, right, stats.LocationDiffers)
	switch {
	case err == nil:
		return r.P
	case errors.Is(err, stats.ErrZeroVariance) && left.Mean() != right.Mean():
		return 0
	}
	return 1
}

// effect is a change as a share of what was before.
func effect(before, after float64) float64 {
	switch before {
	case after:
		return 0
	case 0:
		return math.Copysign(math.Inf(1), after)
	}
	return (after - before) / math.Abs(before)
}
