package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/stats"
)

// host is what a simulated host does to measurements.
type host struct {
	r       *rand.Rand
	drift   float64 // how much slower it gets from the first repeat to the last of both sides
	repeats int
	samples int // of each transition in each repeat
}

// transitions are medians in ms, of such sizes as the lab shows.
var transitions = []struct {
	name   string
	median float64
}{{"policy-create", 45}, {"ipblock-edit", 120}, {"revoke", 40}, {"label-change", 60}, {"pod-create", 30}, {"policy-delete", 35}}

// latency is log-normal, with a pause now and then, as seen through a prober of 1 kHz.
func (h *host) latency(median float64) float64 {
	v := median * math.Exp(0.4*h.r.NormFloat64())
	if h.r.IntN(50) == 0 {
		v += median * 5 * h.r.ExpFloat64()
	}
	return math.Ceil(v) + 1
}

// measure takes repeats of a side, times being slower by a factor; turn says which place
// in the sequence of all repeats each has.
func (h *host) measure(slower, larger float64, turn func(i int) int) Side {
	s := Side{Conditions: map[string]string{"profile": "headline"}}
	metrics := map[string]*Metric{}
	var order []string
	add := func(name, unit string, v float64) {
		if metrics[name] == nil {
			metrics[name] = &Metric{Engine: "reference", Name: name, Unit: unit}
			order = append(order, name)
		}
		metrics[name].Values = append(metrics[name].Values, v)
	}
	for i := range h.repeats {
		s.Starts = append(s.Starts, time.Unix(int64(60*turn(i)), 0))
		// A repeat has a host of its own: some are 5 % off, and one of thirty is bad.
		f := math.Exp(0.05*h.r.NormFloat64()) * (1 + h.drift*float64(turn(i))/float64(2*h.repeats))
		if h.r.IntN(30) == 0 {
			f *= 1.5
		}
		for _, tr := range transitions {
			values := make([]float64, h.samples)
			for j := range values {
				values[j] = h.latency(tr.median * slower * f)
			}
			slices.Sort(values)
			add(tr.name+"/p50", Millis, stats.At(values, 0.5))
			add(tr.name+"/p90", Millis, stats.At(values, 0.9))
		}
		add("memory/hwm", v1.UnitBytes, 40e6*larger*math.Exp(0.02*h.r.NormFloat64()))
		add("leak/packets", Packets, 0)
		add("floor/p50", Millis, math.Ceil(2*f*math.Exp(0.1*h.r.NormFloat64())))
	}
	for _, name := range order {
		s.Metrics = append(s.Metrics, *metrics[name])
	}
	return s
}

func even(i int) int { return 2 * i }
func odd(i int) int  { return 2*i + 1 }

// verdicts simulates comparisons and counts their verdicts.
func verdicts(seed uint64, trials, repeats, samples int, drift, slower, larger float64, sequential bool) map[Conclusion]int {
	h := &host{r: rand.New(rand.NewPCG(seed, 0)), repeats: repeats, samples: samples, drift: drift}
	o := DefaultOptions()
	o.Sequential = sequential
	o.Resamples = 40 // intervals are not looked at
	first, second := even, odd
	if sequential {
		first, second = func(i int) int { return i }, func(i int) int { return repeats + i }
	}
	count := map[Conclusion]int{}
	for range trials {
		r := Compare(h.measure(1, 1, first), h.measure(slower, larger, second), o)
		count[r.Conclusion]++
	}
	return count
}

// The gate of the issue: noise gives no verdict, 20 % is convicted. Heavy-tailed latencies,
// hosts that are off by 5 % from repeat to repeat and sometimes by half.
func TestErrorRates(t *testing.T) {
	const seed, trials = 20261123, 300
	for _, tc := range []struct {
		name             string
		repeats, samples int
		drift            float64
		slower, larger   float64
		sequential       bool
		verdict          Conclusion
		min, max         float64 // share of the trials that may have it
	}{
		{"identical, 10 repeats of 30 samples", 10, 30, 0, 1, 1, false, NoChange, 0.98, 1},
		{"identical, 10 repeats of 100 samples", 10, 100, 0, 1, 1, false, NoChange, 0.98, 1},
		{"identical on a host that gets 30 % slower", 10, 30, 0.3, 1, 1, false, NoChange, 0.98, 1},
		{"20 % slower, 10 repeats of 30 samples", 10, 30, 0, 1.2, 1, false, Regression, 0.90, 1},
		{"20 % slower, 10 repeats of 100 samples", 10, 100, 0, 1.2, 1, false, Regression, 0.90, 1},
		{"20 % slower, 20 repeats of 30 samples", 20, 30, 0, 1.2, 1, false, Regression, 0.98, 1},
		{"20 % faster, 10 repeats of 100 samples", 10, 100, 0, 1 / 1.2, 1, false, Improvement, 0.90, 1},
		{"10 % more memory", 10, 30, 0, 1, 1.1, false, Regression, 0.95, 1},
		{"2 % slower is not worth a verdict", 10, 100, 0, 1.02, 1, false, NoChange, 0.95, 1},
		// Why repeats must be taken in turn.
		{"identical, one after the other, host 60 % slower", 10, 100, 0.6, 1, 1, true, NoChange, 0, 0.9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := verdicts(seed, trials, tc.repeats, tc.samples, tc.drift, tc.slower, tc.larger, tc.sequential)
			share := float64(got[tc.verdict]) / float64(trials)
			t.Logf("%s in %.1f %% of %d comparisons; all: %v", tc.verdict, 100*share, trials, got)
			if share < tc.min || share > tc.max {
				t.Errorf("seed %d: %s in %.3f, want %g to %g", seed, tc.verdict, share, tc.min, tc.max)
			}
		})
	}
}
