package stats

import (
	"math"
	"testing"
)

// TestShare: the bounds of textbooks. With none of n, the upper one is 1 - 0.025^(1/n).
func TestShare(t *testing.T) {
	for _, tc := range []struct {
		k, n   int
		lo, hi float64
	}{
		{0, 0, 0, 1},
		{0, 200, 0, 1 - math.Pow(0.025, 1.0/200)},
		{200, 200, math.Pow(0.025, 1.0/200), 1},
		{1, 10, 0.0025286, 0.4450161},
		{5, 10, 0.1870860, 0.8129140},
	} {
		lo, hi := Share(tc.k, tc.n)
		if math.Abs(lo-tc.lo) > 1e-6 || math.Abs(hi-tc.hi) > 1e-6 {
			t.Errorf("%d of %d: [%.7f, %.7f], want [%.7f, %.7f]", tc.k, tc.n, lo, hi, tc.lo, tc.hi)
		}
	}
}
