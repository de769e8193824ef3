package v1

import (
	"math"
	"slices"
)

// Rank is the nearest rank of quantile q (0..1] among n, counted from 1: that of the smallest
// value that at least the share q of all is not above. It names a value that was seen; nothing
// is made up between two of them, so that it also means something when some are +Inf.
func Rank(n int, q float64) int {
	return min(max(int(math.Ceil(q*float64(n)-1e-9)), 1), n) // 0.07 * 100 is a little above 7
}

// Quantile is the exact nearest-rank quantile q (0..1] of samples, in any order. It is nil
// when there is no sample, or when the rank falls on +Inf, a censored one.
func Quantile(samples []float64, q float64) *float64 {
	if len(samples) == 0 {
		return nil
	}
	value := slices.Sorted(slices.Values(samples))[Rank(len(samples), q)-1]
	if math.IsInf(value, 1) {
		return nil
	}
	return &value
}
