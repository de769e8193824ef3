package changepoint

import (
	"math"
	"slices"
)

// sums are the distances between all pairs of values, summed over rectangles: of a cell (i, j)
// over all pairs below i and j.
type sums [][]float64

func distances(values []float64) sums {
	n := len(values)
	s := make(sums, n+1)
	flat := make([]float64, (n+1)*(n+1))
	for i := range s {
		s[i] = flat[i*(n+1) : (i+1)*(n+1)]
	}
	for i, a := range values {
		for j, b := range values {
			s[i+1][j+1] = math.Abs(a-b) + s[i][j+1] + s[i+1][j] - s[i][j]
		}
	}
	return s
}

// divergence is how far the values [0, at) are from [at, until): twice the mean distance across
// less the mean distances within, weighed by the lengths.
func (s sums) divergence(at, until int) float64 {
	m, n := float64(at), float64(until-at)
	left := s[at][at]
	right := s[until][until] - 2*s[at][until] + s[at][at]
	across := s[at][until] - s[at][at]
	return m * n / (m + n) * (2*across/(m*n) - left/(m*(m-1)) - right/(n*(n-1)))
}

// reach is how many neighbours on each side say whether a value is an outlier, and spread how many
// of their scaled median deviations it must be off.
const (
	reach  = 5
	spread = 3
)

// tame puts the median of the neighbours in the place of each outlier. As many in a row as a level
// has at least, all on one side, are no outliers.
func tame(values []float64, level int) []float64 {
	out := slices.Clone(values)
	for i, v := range values {
		around := slices.Clone(values[max(i-reach, 0):min(i+reach+1, len(values))])
		if len(around) <= reach {
			continue
		}
		middle := median(around)
		for j := range around {
			around[j] = math.Abs(around[j] - middle)
		}
		far := spread * normalDeviation * median(around)
		if far > 0 && math.Abs(v-middle) > far && alike(values, i, middle, far) < level {
			out[i] = middle
		}
	}
	return out
}

// alike is how many values in a row, values[i] among them, are further from the middle than far, on
// the side of values[i].
func alike(values []float64, i int, middle, far float64) int {
	off := func(j int) bool {
		return j >= 0 && j < len(values) && math.Abs(values[j]-middle) > far && (values[j] > middle) == (values[i] > middle)
	}
	first, last := i, i
	for off(first - 1) {
		first--
	}
	for off(last + 1) {
		last++
	}
	return last - first + 1
}

// normalDeviation is the standard deviation of normal noise in median deviations.
const normalDeviation = 1.4826

// median of values, of which there must be some.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// deviation is the standard deviation within two levels together.
func deviation(left, right []float64) float64 {
	sum := 0.0
	for _, level := range [][]float64{left, right} {
		m := mean(level)
		for _, v := range level {
			sum += (v - m) * (v - m)
		}
	}
	return math.Sqrt(sum / float64(max(len(left)+len(right)-2, 1)))
}
