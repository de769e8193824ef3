package v1

import (
	"math"
	"testing"
)

func TestRank(t *testing.T) {
	for _, tc := range []struct {
		n    int
		q    float64
		want int
	}{
		{1, 0.5, 1},
		{2, 0.5, 1},
		{3, 0.5, 2},
		{10, 0.9, 9},
		{100, 0.99, 99},
		{101, 0.99, 100},
		{7, 1, 7},
		{7, 0.0001, 1},
		{100, 0.07, 7}, // 0.07 * 100 is 7.000000000000001
	} {
		if got := Rank(tc.n, tc.q); got != tc.want {
			t.Errorf("rank of %g among %d is %d, want %d", tc.q, tc.n, got, tc.want)
		}
	}
	if v := Quantile([]float64{3, math.Inf(1), 1, 2}, 0.75); v == nil || *v != 3 {
		t.Errorf("third of four is %v, want 3", v)
	}
	if v := Quantile([]float64{3, math.Inf(1)}, 1); v != nil {
		t.Errorf("a censored sample has the value %v", *v)
	}
}
