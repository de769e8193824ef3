package stats

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	mstats "github.com/aclements/go-moremath/stats"
)

// MinSizes is how many different sizes a regression needs: with fewer, any line fits.
const MinSizes = 4

// Term is what one more of something costs.
type Term struct {
	Name   string
	Value  float64
	Lo, Hi float64
}

// Fit is a linear model of cost: an intercept and a term per variable.
type Fit struct {
	Intercept Term
	Terms     []Term
	R2        float64 // share of the variance that the model explains
	N         int
}

// ErrTooFew says that the data can't support the figure, however it is computed.
var ErrTooFew = errors.New("too few sizes")

// Linear fits y = a + b·x by least squares. Each row of x has a value per name. Every
// variable must have MinSizes different values, and no variable may follow from the others:
// pods and policies that always grow together can't be told apart.
func Linear(names []string, x [][]float64, y []float64) (Fit, error) {
	n, k := len(y), len(names)+1
	if len(x) != n || n < max(MinSizes, k+1) {
		return Fit{}, fmt.Errorf("%w: %d measurements for %d terms, give at least %d", ErrTooFew, n, k, max(MinSizes, k+1))
	}
	scale := make([]float64, k)
	scale[0] = 1
	for j, name := range names {
		values := map[float64]bool{}
		for i := range x {
			values[x[i][j]] = true
			scale[j+1] = max(scale[j+1], math.Abs(x[i][j]))
		}
		if len(values) < MinSizes {
			return Fit{}, fmt.Errorf("%w: %s has %d different values, give at least %d", ErrTooFew, name, len(values), MinSizes)
		}
	}
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = append([]float64{1}, x[i]...)
		for j := range rows[i] {
			rows[i][j] /= scale[j]
		}
	}
	inverse, bad := invert(gram(rows))
	if bad > 0 {
		return Fit{}, fmt.Errorf("%s follows from the other variables: vary it by itself", names[bad-1])
	}
	return solve(names, rows, y, scale, inverse), nil
}

// gram is the matrix of the products of columns.
func gram(rows [][]float64) [][]float64 {
	k := len(rows[0])
	out := make([][]float64, k)
	for a := range out {
		out[a] = make([]float64, k)
		for b := range out[a] {
			for _, row := range rows {
				out[a][b] += row[a] * row[b]
			}
		}
	}
	return out
}

// invert inverts a symmetric positive matrix by elimination; bad is the column that is a
// combination of those before it, or -1.
func invert(m [][]float64) (inverse [][]float64, bad int) {
	k := len(m)
	inverse = make([][]float64, k)
	diagonal := make([]float64, k)
	for i := range inverse {
		inverse[i] = make([]float64, k)
		inverse[i][i], diagonal[i] = 1, m[i][i]
	}
	for c := range k {
		pivot := m[c][c]
		if pivot <= 1e-9*diagonal[c] {
			return nil, c
		}
		for j := range k {
			m[c][j], inverse[c][j] = m[c][j]/pivot, inverse[c][j]/pivot
		}
		for i := range k {
			if f := m[i][c]; i != c && f != 0 {
				for j := range k {
					m[i][j] -= f * m[c][j]
					inverse[i][j] -= f * inverse[c][j]
				}
			}
		}
	}
	return inverse, -1
}

// solve is the model of scaled rows; terms are in the units of the unscaled ones.
func solve(names []string, rows [][]float64, y, scale []float64, inverse [][]float64) Fit {
	n, k := len(rows), len(scale)
	b := make([]float64, k)
	for a := range b {
		for i, row := range rows {
			for c := range row {
				b[a] += inverse[a][c] * row[c] * y[i]
			}
		}
	}
	level := 0.0
	for _, v := range y {
		level += v / float64(n)
	}
	var residual, total float64
	for i, row := range rows {
		e := y[i]
		for a := range b {
			e -= b[a] * row[a]
		}
		residual += e * e
		total += (y[i] - level) * (y[i] - level)
	}
	f := Fit{N: n, R2: 1}
	if total > 0 {
		f.R2 = 1 - residual/total
	}
	t := studentT(n - k)
	for a := range b {
		half := t * math.Sqrt(max(0, residual/float64(n-k)*inverse[a][a]))
		term := Term{Value: b[a] / scale[a], Lo: (b[a] - half) / scale[a], Hi: (b[a] + half) / scale[a]}
		if a == 0 {
			term.Name = "intercept"
			f.Intercept = term
			continue
		}
		term.Name = names[a-1]
		f.Terms = append(f.Terms, term)
	}
	return f
}

// studentT is the two-sided quantile of Student's distribution at Confidence.
func studentT(freedom int) float64 {
	dist := mstats.TDist{V: float64(freedom)}
	lo, hi := 0.0, 1000.0
	for range 100 {
		if mid := (lo + hi) / 2; dist.CDF(mid) < (1+Confidence)/2 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// Growth is how cost grows with size: cost ∝ size^Exponent. 1 is proportional, 0 is not at
// all, 2 is four times the cost at twice the size.
type Growth struct {
	Exponent float64
	Lo, Hi   float64
	R2       float64
	N        int
}

// Exponent fits a power law by least squares of the logarithms. Sizes and costs must be
// above 0, and the sizes MinSizes different ones.
func Exponent(sizes, costs []float64) (Growth, error) {
	x, y := make([][]float64, len(sizes)), make([]float64, len(costs))
	for i := range min(len(sizes), len(costs)) {
		if !(sizes[i] > 0) || !(costs[i] > 0) || math.IsInf(sizes[i], 0) || math.IsInf(costs[i], 0) {
			return Growth{}, fmt.Errorf("size %g costs %g: a power law needs finite values above 0", sizes[i], costs[i])
		}
		x[i], y[i] = []float64{math.Log(sizes[i])}, math.Log(costs[i])
	}
	f, err := Linear([]string{"size"}, x, y)
	if err != nil {
		return Growth{}, err
	}
	b := f.Terms[0]
	return Growth{Exponent: b.Value, Lo: b.Lo, Hi: b.Hi, R2: f.R2, N: f.N}, nil
}

// MinCycles is how many cycles a leak's slope needs.
const MinCycles = 20

// Slope is growth per cycle.
type Slope struct {
	Value  float64 // per unit of x
	Lo, Hi float64
	Level  float64 // median of y
	N      int
}

// Differs says that the slope is not 0, at Confidence.
func (s Slope) Differs() bool { return s.Lo > 0 || s.Hi < 0 }

// TheilSen is the median of the slopes of all pairs of points, with Sen's interval. One
// odd reading, or ten of forty, move it little; least squares would follow them.
func TheilSen(x, y []float64) (Slope, error) {
	n := len(x)
	if n != len(y) || n < MinCycles {
		return Slope{}, fmt.Errorf("%d cycles are too few for a slope: give at least %d", n, MinCycles)
	}
	var slopes []float64
	for i := range x {
		for j := range i {
			if x[i] != x[j] {
				slopes = append(slopes, (y[i]-y[j])/(x[i]-x[j]))
			}
		}
	}
	if len(slopes) == 0 {
		return Slope{}, errors.New("all cycles are one: number them")
	}
	slices.Sort(slopes)
	m := len(slopes)
	// Sen 1968, with Kendall's variance corrected for ties in y.
	half := normal975 * math.Sqrt(kendallVariance(y)) / 2
	lo := max(int(math.Round(float64(m)/2-half)), 1)
	hi := min(int(math.Round(float64(m)/2+half))+1, m)
	return Slope{Value: Median(slopes), Lo: slopes[lo-1], Hi: slopes[hi-1], Level: Median(slices.Clone(y)), N: n}, nil
}

// normal975 is the 97.5th percentile of the normal distribution.
const normal975 = 1.959963984540054

func kendallVariance(y []float64) float64 {
	term := func(n int) float64 { return float64(n) * float64(n-1) * float64(2*n+5) / 18 }
	v := term(len(y))
	ties := map[float64]int{}
	for _, value := range y {
		ties[value]++
	}
	for _, n := range slices.Sorted(maps.Values(ties)) {
		v -= term(n)
	}
	return v
}
