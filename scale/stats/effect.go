package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Median is the median of values, which are sorted in place and of which there must be
// some; between the two in the middle when their number is even.
func Median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 || values[n/2-1] == values[n/2] { // also both +Inf
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// Ratio is head over base as an effect: 1 is no change, also of 0 to 0 and from beyond the
// deadline to beyond it; from 0 to anything it is +Inf.
func Ratio(base, head float64) float64 {
	switch {
	case base == head:
		return 1
	case base == 0 || math.IsInf(head, 1):
		return math.Inf(1)
	default:
		return head / base
	}
}

// Resamples is enough for the third digit of a bound.
const Resamples = 2000

// RatioOfMedians is the effect of head against base, with a bootstrap interval: both sides
// are drawn anew from their own values, resamples times, of which there must be 40. The
// seed makes it the same each time.
func RatioOfMedians(base, head []float64, resamples int, seed uint64) Estimate {
	r := rand.New(rand.NewPCG(seed, 0x6d656469616e))
	a, b := slices.Sorted(slices.Values(base)), slices.Sorted(slices.Values(head))
	resample := func(values []float64) float64 {
		out := make([]float64, len(values))
		for i := range out {
			out[i] = values[r.IntN(len(values))]
		}
		return Median(out)
	}
	ratios := make([]float64, resamples)
	for i := range ratios {
		ratios[i] = Ratio(resample(a), resample(b))
	}
	slices.Sort(ratios)
	tail := int(float64(resamples) * (1 - Confidence) / 2)
	return Estimate{Value: Ratio(Median(a), Median(b)), Lo: ratios[tail], Hi: ratios[resamples-1-tail]}
}

// CliffsDelta is how often a value of head is above one of base, less how often it is
// below: 0 is no difference, 1 is that every one is above.
func CliffsDelta(base, head []float64) float64 {
	d := 0
	for _, a := range base {
		for _, b := range head {
			switch {
			case b > a:
				d++
			case b < a:
				d--
			}
		}
	}
	return float64(d) / float64(len(base)*len(head))
}
