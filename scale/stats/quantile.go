package stats

import (
	"math"
	"slices"
	"sort"

	mstats "github.com/aclements/go-moremath/stats"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Confidence is that of every interval here.
const Confidence = 0.95

// Sample is one measured time, in any unit. One that did not end before its deadline is
// censored: it is known to be above Value, and is ordered as later than every other.
type Sample struct {
	Value    float64
	Censored bool
}

// Estimate is a quantile and its interval. A bound may be +Inf: the rank falls on a
// censored sample, and only "above the deadline" is known.
type Estimate struct {
	Value  float64
	Lo, Hi float64
	// Open says that n is too small for an upper bound: with 100 samples nobody knows how
	// far above the largest the 99th percentile may be. Hi is then the largest sample.
	Open bool
}

// Distribution is what samples say together.
type Distribution struct {
	N        int
	Censored int
	P50, P90 Estimate
	P99, Max Estimate // Max has no interval: it is what was seen
}

// Distribute is the distribution of samples, exact from the raw values. ok is false when
// there are none.
func Distribute(samples []Sample) (d Distribution, ok bool) {
	if len(samples) == 0 {
		return Distribution{}, false
	}
	sorted := Ordered(samples)
	d.N = len(sorted)
	d.Censored = d.N - sort.SearchFloat64s(sorted, math.Inf(1))
	d.P50, d.P90, d.P99 = Quantile(sorted, 0.50), Quantile(sorted, 0.90), Quantile(sorted, 0.99)
	top := sorted[d.N-1]
	d.Max = Estimate{Value: top, Lo: top, Hi: top}
	return d, true
}

// Ordered are the values of samples in ascending order, +Inf for the censored.
func Ordered(samples []Sample) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		if out[i] = s.Value; s.Censored {
			out[i] = math.Inf(1)
		}
	}
	slices.Sort(out)
	return out
}

// At is the nearest-rank quantile q of values in ascending order, of which there must be
// some, alone.
func At(sorted []float64, q float64) float64 { return sorted[v1.Rank(len(sorted), q)-1] }

// Quantile is At with its bootstrap interval.
//
// The bootstrap needs no drawing here: a resample's r-th value is at most the i-th sample
// exactly when r or more of its n draws are among the first i, which is a binomial
// probability. The interval is what infinitely many resamples would give.
//
// QuantileCI of go-moremath is another interval: ranks by the binomial distribution around
// the quantile, shortest first, so that its bounds may lie outside of the samples. They
// differ by a rank or two: of 100 samples, p50 [40, 60] by both, p90 [83, 95] here and
// [84, 96] there, p99 [95, 100] here and [97, infinite) there.
func Quantile(sorted []float64, q float64) Estimate {
	n := len(sorted)
	r := v1.Rank(n, q)
	at := func(p float64) float64 {
		i := sort.Search(n-1, func(i int) bool { return atLeast(n, r, float64(i+1)/float64(n)) >= p })
		return sorted[i]
	}
	return Estimate{
		Value: sorted[r-1],
		Lo:    at((1 - Confidence) / 2), Hi: at((1 + Confidence) / 2),
		// The largest of n samples is below the quantile with probability q^n.
		Open: math.Pow(q, float64(n)) > (1-Confidence)/2,
	}
}

// manyTrials is where the normal distribution is as good as the binomial, and the series
// of the latter takes long.
const manyTrials = 2000

// atLeast is the probability of r or more successes in n trials of probability p.
func atLeast(n, r int, p float64) float64 {
	if p >= 1 {
		return 1
	}
	d := mstats.BinomialDist{N: n, P: p}
	if n > manyTrials {
		return 1 - d.NormalApprox().CDF(float64(r)-0.5)
	}
	return 1 - d.CDF(float64(r-1))
}
