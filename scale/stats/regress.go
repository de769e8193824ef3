package stats

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	v1 "github.com/netassay/netassay/reports/v1"
)

// MinSizes is how many different sizes a regression needs: with fewer, any line fits.
const MinSizes = 4

// ErrTooFew says that the data can't support the figure, however it is computed.
var ErrTooFew = errors.New("too few sizes")

// Linear fits y = a + b·x by least squares. Each row of x has a value per name. Every
// variable must have MinSizes different values, and no variable may follow from the others:
// pods and policies that always grow together can't be told apart. The first term is the
// intercept, per "nothing".
func Linear(names []string, x [][]float64, y []float64) (v1.Cost, error) {
	n, k := len(y), len(names)+1
	if len(x) != n || n < max(MinSizes, k+1) {
		return v1.Cost{}, fmt.Errorf("%w: %d measurements for %d terms, give at least %d", ErrTooFew, n, k, max(MinSizes, k+1))
	}
	rows, scale, err := design(names, x)
	if err != nil {
		return v1.Cost{}, err
	}
	var qr mat.QR
	qr.Factorize(rows)
	var r mat.Dense
	qr.RTo(&r)
	for j := range k { // what is left of a column beside those before it
		if left, all := r.At(j, j), mat.Norm(rows.ColView(j), 2); left*left <= 1e-9*all*all {
			return v1.Cost{}, fmt.Errorf("%s follows from the other variables: vary it by itself", names[j-1])
		}
	}
	var b, fitted mat.VecDense
	if err := qr.SolveVecTo(&b, false, mat.NewVecDense(n, y)); err != nil {
		return v1.Cost{}, fmt.Errorf("fit %v: %w", names, err)
	}
	fitted.MulVec(rows, &b)
	residual := floats.Distance(y, fitted.RawVector().Data, 2)
	spread, err := spreads(&r, k)
	if err != nil {
		return v1.Cost{}, fmt.Errorf("fit %v: %w", names, err)
	}
	f := v1.Cost{N: n, R2: 1}
	if floats.Max(y) > floats.Min(y) {
		f.R2 = stat.RSquaredFrom(fitted.RawVector().Data, y, nil)
	}
	half := distuv.StudentsT{Sigma: 1, Nu: float64(n - k)}.Quantile((1+Confidence)/2) * residual / math.Sqrt(float64(n-k))
	for j, name := range append([]string{"nothing"}, names...) {
		v, h := b.AtVec(j), half*spread[j]
		f.Terms = append(f.Terms, v1.Term{Per: name, Value: v / scale[j], Lo: (v - h) / scale[j], Hi: (v + h) / scale[j]})
	}
	return f, nil
}

// design is the matrix of the model, a column of ones and one per variable, each divided by
// its scale, so that pods and CIDRs weigh the same.
func design(names []string, x [][]float64) (rows *mat.Dense, scale []float64, err error) {
	scale = make([]float64, len(names)+1)
	scale[0] = 1
	for j, name := range names {
		values := map[float64]bool{}
		for i := range x {
			values[x[i][j]] = true
			scale[j+1] = max(scale[j+1], math.Abs(x[i][j]))
		}
		if len(values) < MinSizes {
			return nil, nil, fmt.Errorf("%w: %s has %d different values, give at least %d", ErrTooFew, name, len(values), MinSizes)
		}
	}
	rows = mat.NewDense(len(x), len(scale), nil)
	for i := range x {
		rows.Set(i, 0, 1)
		for j := range names {
			rows.Set(i, j+1, x[i][j]/scale[j+1])
		}
	}
	return rows, scale, nil
}

// spreads are the standard errors of the coefficients in units of that of the residuals: the
// roots of the diagonal of (RᵀR)⁻¹.
func spreads(r *mat.Dense, k int) ([]float64, error) {
	upper, inverse := mat.NewTriDense(k, mat.Upper, nil), mat.TriDense{}
	for i := range k {
		for j := i; j < k; j++ {
			upper.SetTri(i, j, r.At(i, j))
		}
	}
	if err := inverse.InverseTri(upper); err != nil {
		return nil, err
	}
	out := make([]float64, k)
	for i := range out {
		out[i] = floats.Norm(mat.Row(nil, i, &inverse), 2)
	}
	return out, nil
}

// Exponent fits a power law by least squares of the logarithms. Sizes and costs must be
// above 0, and the sizes MinSizes different ones.
func Exponent(sizes, costs []float64) (v1.Growth, error) {
	x, y := make([][]float64, len(sizes)), make([]float64, len(costs))
	for i := range min(len(sizes), len(costs)) {
		if !(sizes[i] > 0) || !(costs[i] > 0) || math.IsInf(sizes[i], 0) || math.IsInf(costs[i], 0) {
			return v1.Growth{}, fmt.Errorf("size %g costs %g: a power law needs finite values above 0", sizes[i], costs[i])
		}
		x[i], y[i] = []float64{math.Log(sizes[i])}, math.Log(costs[i])
	}
	f, err := Linear([]string{"size"}, x, y)
	if err != nil {
		return v1.Growth{}, err
	}
	b := f.Terms[1]
	return v1.Growth{Exponent: b.Value, Lo: b.Lo, Hi: b.Hi, R2: f.R2, N: f.N}, nil
}

// MinCycles is how many cycles a leak's slope needs.
const MinCycles = 20

// TheilSen is the median of the slopes of all pairs of points, with Sen's interval. One
// odd reading, or ten of forty, move it little; least squares would follow them.
func TheilSen(x, y []float64) (v1.Slope, error) {
	n := len(x)
	if n != len(y) || n < MinCycles {
		return v1.Slope{}, fmt.Errorf("%d cycles are too few for a slope: give at least %d", n, MinCycles)
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
		return v1.Slope{}, errors.New("all cycles are one: number them")
	}
	slices.Sort(slopes)
	m := len(slopes)
	// Sen 1968, with Kendall's variance corrected for ties in y.
	half := distuv.UnitNormal.Quantile((1+Confidence)/2) * math.Sqrt(kendallVariance(y)) / 2
	lo := max(int(math.Round(float64(m)/2-half)), 1)
	hi := min(int(math.Round(float64(m)/2+half))+1, m)
	low, high := slopes[lo-1], slopes[hi-1]
	return v1.Slope{
		Slope: Median(slopes), Lo: low, Hi: high, Level: Median(slices.Clone(y)), Cycles: n, Differs: low > 0 || high < 0,
	}, nil
}

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
