package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

func ofValues(values ...float64) []Sample {
	var out []Sample
	for _, v := range values {
		out = append(out, Sample{Value: v})
	}
	return out
}

func TestDistribute(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i) // order doesn't matter
	}
	d, ok := Distribute(ofValues(hundred...))
	if !ok || d.N != 100 || d.P50.Value != 50 || d.P90.Value != 90 || d.P99.Value != 99 || d.Max.Value != 100 {
		t.Errorf("%+v", d)
	}
	if !d.P99.Open || d.P50.Open || d.P90.Open {
		t.Errorf("100 samples bound the median and not the 99th percentile: %+v", d)
	}
	if _, ok := Distribute(nil); ok {
		t.Error("a distribution of nothing")
	}
}

// A sample that never ended is later than every other, and is never lost.
func TestCensoredSamples(t *testing.T) {
	samples := ofValues(1, 2, 3, 4, 5, 6, 7, 8)
	samples = append(samples, Sample{Value: 0.5, Censored: true}, Sample{Value: 60, Censored: true})
	d, _ := Distribute(samples)
	if d.N != 10 || d.Censored != 2 || d.P50.Value != 5 || d.P50.Hi != 8 || !math.IsInf(d.P90.Value, 1) || !math.IsInf(d.Max.Value, 1) {
		t.Errorf("%+v", d)
	}
	all, _ := Distribute([]Sample{{Censored: true}})
	if all.Censored != 1 || !math.IsInf(all.P50.Lo, 1) {
		t.Errorf("%+v", all)
	}
}

// The interval is that of the bootstrap: drawing gives the same bounds.
func TestQuantileIntervalIsTheBootstraps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 80)
	for i := range values {
		values[i] = float64(i)
	}
	for _, q := range []float64{0.5, 0.9} {
		got := Quantile(values, q)
		var drawn []float64
		resample := make([]float64, len(values))
		for range 20000 {
			for i := range resample {
				resample[i] = values[r.IntN(len(values))]
			}
			slices.Sort(resample)
			drawn = append(drawn, resample[v1.Rank(len(values), q)-1])
		}
		slices.Sort(drawn)
		lo, hi := drawn[len(drawn)*25/1000], drawn[len(drawn)*975/1000]
		if math.Abs(got.Lo-lo) > 1 || math.Abs(got.Hi-hi) > 1 {
			t.Errorf("q=%g: [%g, %g], drawn [%g, %g]", q, got.Lo, got.Hi, lo, hi)
		}
	}
}

// heavy is a latency: log-normal, and now and then a pause of the host.
func heavy(r *rand.Rand, median float64) float64 {
	v := median * math.Exp(0.4*r.NormFloat64())
	if r.IntN(50) == 0 {
		v += median * 5 * r.ExpFloat64()
	}
	return v
}

// The interval holds the true quantile as often as it says, near enough.
func TestQuantileCoverage(t *testing.T) {
	seed := uint64(42)
	r := rand.New(rand.NewPCG(seed, 0))
	reference := make([]float64, 200_000)
	for i := range reference {
		reference[i] = heavy(r, 100)
	}
	slices.Sort(reference)
	for _, tc := range []struct {
		n int
		q float64
	}{{30, 0.5}, {100, 0.5}, {100, 0.9}, {500, 0.99}, {3000, 0.99}} {
		truth := Quantile(reference, tc.q).Value
		const trials = 400
		hits := 0
		for range trials {
			values := make([]float64, tc.n)
			for i := range values {
				values[i] = heavy(r, 100)
			}
			slices.Sort(values)
			if e := Quantile(values, tc.q); e.Lo <= truth && truth <= e.Hi {
				hits++
			}
		}
		rate := float64(hits) / trials
		t.Logf("n=%d q=%g: the interval holds the truth in %.1f %% of %d", tc.n, tc.q, 100*rate, trials)
		if rate < 0.85 {
			t.Errorf("seed %d, n=%d q=%g: only %.3f", seed, tc.n, tc.q, rate)
		}
	}
}

func TestQuantileProperty(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		var samples []Sample
		for range 1 + r.IntN(300) {
			samples = append(samples, Sample{Value: heavy(r, 10), Censored: r.IntN(20) == 0})
		}
		a, _ := Distribute(samples)
		r.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		b, _ := Distribute(samples)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("seed %d: the order of samples matters:\n%s", seed, diff)
		}
		last := 0.0
		for _, e := range []Estimate{a.P50, a.P90, a.P99, a.Max} {
			if e.Value < last || e.Lo > e.Value || e.Hi < e.Value {
				t.Fatalf("seed %d: %+v", seed, a)
			}
			last = e.Value
		}
	}
}

func TestLinearRecoversTheCosts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	const trials = 300
	hits := 0
	for range trials {
		var x [][]float64
		var y []float64
		for _, f := range []float64{0.125, 0.25, 0.5, 1, 2, 4} {
			x = append(x, []float64{20000 * f, 1000, 10000}, []float64{20000, 1000 * f, 10000}, []float64{20000, 1000, 10000 * f})
		}
		for _, row := range x {
			y = append(y, 20e6+1300*row[0]+2500*row[1]+64*row[2]+100e3*r.NormFloat64())
		}
		f, err := Linear([]string{"pod", "policy", "CIDR"}, x, y)
		if err != nil {
			t.Fatal(err)
		}
		pod := f.Terms[1]
		if pod.Lo <= 1300 && 1300 <= pod.Hi {
			hits++
		}
		if math.Abs(pod.Value-1300) > 30 || f.R2 < 0.99 || f.N != 18 {
			t.Fatalf("%+v", f)
		}
	}
	if rate := float64(hits) / trials; rate < 0.90 || rate > 0.99 {
		t.Errorf("the 95 %% interval holds the truth in %.3f", rate)
	}
}

func TestLinearRefusesWhatCanNotBeKnown(t *testing.T) {
	sizes := func(rows ...[]float64) [][]float64 { return rows }
	for _, tc := range []struct {
		name string
		x    [][]float64
		want string
		few  bool
	}{
		{"three measurements", sizes([]float64{1, 1}, []float64{2, 4}, []float64{3, 9}), "give at least 4", true},
		{"three values", sizes([]float64{1, 1}, []float64{2, 4}, []float64{3, 9}, []float64{3, 5}, []float64{3, 7}), "pod has 3 different values", true},
		{"always together", sizes([]float64{1, 2}, []float64{2, 4}, []float64{3, 6}, []float64{4, 8}, []float64{5, 10}), "policy follows from the other variables", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Linear([]string{"pod", "policy"}, tc.x, make([]float64, len(tc.x)))
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, ErrTooFew) != tc.few {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestExponent(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	sizes := []float64{2500, 5000, 10000, 20000, 40000, 80000}
	for _, want := range []float64{0, 0.5, 1, 2} {
		const trials = 300
		hits := 0
		for range trials {
			var costs []float64
			for _, s := range sizes {
				costs = append(costs, 7*math.Pow(s, want)*math.Exp(0.05*r.NormFloat64()))
			}
			g, err := Exponent(sizes, costs)
			if err != nil {
				t.Fatal(err)
			}
			if g.Lo <= want && want <= g.Hi {
				hits++
			}
			if math.Abs(g.Exponent-want) > 0.15 {
				t.Fatalf("want %g, got %+v", want, g)
			}
		}
		if rate := float64(hits) / trials; rate < 0.90 {
			t.Errorf("exponent %g: the interval holds it in %.3f", want, rate)
		}
	}
	if _, err := Exponent(sizes, []float64{1, 2, 3, 0, 5, 6}); err == nil {
		t.Error("a cost of 0 has no logarithm")
	}
	if _, err := Exponent(sizes[:3], sizes[:3]); !errors.Is(err, ErrTooFew) {
		t.Errorf("three sizes: %v", err)
	}
}

// Memory that does not grow is rarely called a leak, and one that does is, both under the
// steps and spikes of a collector.
func TestTheilSenFindsLeaks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	const trials = 500
	for _, tc := range []struct {
		slope    float64 // KiB per cycle
		min, max float64 // share of trials in which it differs from 0
	}{{0, 0, 0.08}, {64, 0.95, 1}, {-64, 0.95, 1}} {
		differ := 0
		for range trials {
			var x, y []float64
			for i := range MinCycles {
				v := 40000 + tc.slope*float64(i) + 200*r.NormFloat64()
				if r.IntN(10) == 0 {
					v += 4000 * r.Float64() // a reading before the collector ran
				}
				x, y = append(x, float64(i)), append(y, v)
			}
			s, err := TheilSen(x, y)
			if err != nil {
				t.Fatal(err)
			}
			if s.Lo > s.Slope || s.Hi < s.Slope {
				t.Fatalf("%+v", s)
			}
			if s.Differs {
				differ++
			}
		}
		rate := float64(differ) / trials
		t.Logf("slope %g KiB per cycle: differs from 0 in %.1f %% of %d", tc.slope, 100*rate, trials)
		if rate < tc.min || rate > tc.max {
			t.Errorf("slope %g: %.3f, want %g to %g", tc.slope, rate, tc.min, tc.max)
		}
	}
}

func TestTheilSenOfPlainLines(t *testing.T) {
	var x, flat, up []float64
	for i := range 25 {
		x, flat, up = append(x, float64(i)), append(flat, 5), append(up, float64(2*i))
	}
	if s, err := TheilSen(x, flat); err != nil || s.Differs || s.Slope != 0 || s.Level != 5 {
		t.Errorf("flat: %+v, %v", s, err)
	}
	if s, err := TheilSen(x, up); err != nil || !s.Differs || s.Slope != 2 || s.Cycles != 25 {
		t.Errorf("up: %+v, %v", s, err)
	}
	if _, err := TheilSen(x[:19], up[:19]); err == nil || !strings.Contains(err.Error(), "give at least 20") {
		t.Errorf("19 cycles: %v", err)
	}
	if _, err := TheilSen(flat, up); err == nil {
		t.Error("a slope of one cycle")
	}
}

func TestEffects(t *testing.T) {
	inf := math.Inf(1)
	for _, tc := range []struct{ base, head, want float64 }{
		{100, 120, 1.2}, {0, 0, 1}, {0, 3, inf}, {inf, inf, 1}, {5, inf, inf}, {inf, 5, 0},
	} {
		if got := Ratio(tc.base, tc.head); got != tc.want {
			t.Errorf("from %g to %g: %g, want %g", tc.base, tc.head, got, tc.want)
		}
	}
	a, b := []float64{1, 2, 3}, []float64{4, 5, inf}
	if CliffsDelta(a, b) != 1 || CliffsDelta(b, a) != -1 || CliffsDelta(a, a) != 0 {
		t.Error("Cliff's delta")
	}
	e := RatioOfMedians(a, b, Resamples, 1)
	if e.Value != 2.5 || e.Lo > 2.5 || !math.IsInf(e.Hi, 1) {
		t.Errorf("%+v", e)
	}
	if diff := cmp.Diff(e, RatioOfMedians(a, b, Resamples, 1)); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(a, []float64{1, 2, 3}) {
		t.Error("the values were moved")
	}
	if got := Median([]float64{inf, 1, inf, inf}); got != inf {
		t.Errorf("median %g", got)
	}
}
