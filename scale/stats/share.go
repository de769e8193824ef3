package stats

import "gonum.org/v1/gonum/stat/distuv"

// Share is the 95 % interval of a probability of which k of n trials are known (Clopper and
// Pearson, 1934: never shorter than it says). Without a trial it is [0, 1].
func Share(k, n int) (lo, hi float64) {
	const tail = (1 - Confidence) / 2
	lo, hi = 0, 1
	if k > 0 {
		lo = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile(tail)
	}
	if k < n {
		hi = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile(1 - tail)
	}
	return lo, hi
}
