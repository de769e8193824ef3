package changepoint

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// noise is what nights differ by without a reason: relative normal noise, and now and then a
// night on which something else was at work on the machine.
type noise struct {
	sd       float64 // relative
	outliers float64 // share of nights
	by       float64 // how much slower an outlier is at most
}

func (z noise) String() string {
	return fmt.Sprintf("noise of %g %%, and up to %g %% more on %g %% of nights", 100*z.sd, 100*z.by, 100*z.outliers)
}

// ordinary is the noise under which the promise of nightly trends holds.
func ordinary() noise { return noise{sd: 0.03, outliers: 0.03, by: 0.5} }

// nights draws the figures of one metric, with a change of level from night at on.
func (z noise) nights(r *rand.Rand, n, at int, change float64) []float64 {
	level := math.Exp(r.NormFloat64() * 3) // from microseconds to minutes
	out := make([]float64, n)
	for i := range out {
		out[i] = level * (1 + z.sd*r.NormFloat64())
		if i >= at {
			out[i] *= 1 + change
		}
		if r.Float64() < z.outliers {
			out[i] *= 1 + z.by*r.Float64()
		}
	}
	return out
}

// raised are the alarms that somebody who looks every morning would have got: the changes that
// were new on some morning, by the night they name. A change that moves by less than a run of nights is the
// same one.
func raised(t *testing.T, values []float64, o Options) (at []int) {
	t.Helper()
	for n := range len(values) {
		changes, err := Detect(values[:n+1], o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if !near(at, c.At, o.MinRun) {
				at = append(at, c.At)
			}
		}
	}
	return at
}

func near(all []int, at, by int) bool {
	for _, a := range all {
		if max(a-at, at-a) <= by {
			return true
		}
	}
	return false
}

const seeds = 100

// found is in how many of 100 histories of 30 nights, of 20 metrics, a change of one of them is
// found within five nights, at the night that it happened on give or take two.
func found(t *testing.T, z noise, change float64) (hits int) {
	t.Helper()
	o := DefaultOptions()
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 1))
		at := 10 + r.IntN(16) // 5 nights follow it at least
		metrics, changed := make([][]float64, 20), r.IntN(20)
		for i := range metrics {
			by := 0.0
			if i == changed {
				by = math.Copysign(change, r.Float64()-0.5)
			}
			metrics[i] = z.nights(r, 30, at, by)
		}
		changes, err := Detect(metrics[changed][:at+5], o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if max(c.At-at, at-c.At) <= 2 {
				hits++
				break
			}
		}
	}
	return hits
}

// The promise of nightly trends, and what becomes of it where nights differ more. What comes after
// the promise is printed, and only held to be no worse than it was.
func TestChangeOfTenPercentIsFoundWithinFiveNights(t *testing.T) {
	for _, tc := range []struct {
		noise
		least int
	}{
		{ordinary(), 95},
		{noise{sd: 0.02, outliers: 0.03, by: 0.5}, 95},
		{noise{sd: 0.04, outliers: 0.03, by: 0.5}, 75},
		{noise{sd: 0.05, outliers: 0.03, by: 0.5}, 50},
		{noise{sd: 0.10, outliers: 0.03, by: 0.5}, 0},
		{noise{sd: 0.03, outliers: 0.10, by: 0.5}, 75},
	} {
		hits := found(t, tc.noise, 0.10)
		t.Logf("%v: a change of 10 %% is found within 5 nights with %d of %d seeds", tc.noise, hits, seeds)
		if hits < tc.least {
			t.Errorf("%v: found with %d of %d seeds, want %d", tc.noise, hits, seeds, tc.least)
		}
	}
}

func TestFalseAlarms(t *testing.T) {
	const year = 365
	for _, tc := range []struct {
		noise
		metrics uint64
		most    float64
	}{{ordinary(), 20, 1}, {noise{sd: 0.10, outliers: 0.03, by: 0.5}, 5, 4}} {
		alarms := 0
		for seed := range tc.metrics {
			r := rand.New(rand.NewPCG(seed, 2))
			alarms += len(raised(t, tc.nights(r, year, year, 0), DefaultOptions()))
		}
		per := float64(alarms) / float64(tc.metrics)
		t.Logf("%v: %.2f false alarms per metric and year, of %d metrics", tc.noise, per, tc.metrics)
		if per > tc.most {
			t.Errorf("%v: %g false alarms per metric and year, want at most %g", tc.noise, per, tc.most)
		}
	}
}
