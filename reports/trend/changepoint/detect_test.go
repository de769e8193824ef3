package changepoint

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// levels are runs of nights at a level each, with a pattern of 1 % on top: noise without chance.
func levels(runs ...[2]float64) (out []float64) {
	pattern := []float64{0, 0.01, -0.01, 0.005, -0.005}
	for _, run := range runs {
		for range int(run[0]) {
			out = append(out, run[1]*(1+pattern[len(out)%len(pattern)]))
		}
	}
	return out
}

func ats(t *testing.T, values []float64) []int {
	t.Helper()
	changes, err := Detect(values, DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	out := []int{}
	for _, c := range changes {
		out = append(out, c.At)
	}
	return out
}

func TestDetect(t *testing.T) {
	outlier := levels([2]float64{30, 100})
	outlier[12] = 900
	twoOutliers := levels([2]float64{30, 100})
	twoOutliers[12], twoOutliers[13] = 180, 170
	for _, tc := range []struct {
		name   string
		values []float64
		want   []int
	}{
		{"nothing", nil, []int{}},
		{"one night", []float64{7}, []int{}},
		{"constant", make([]float64, 40), []int{}},
		{"noise", levels([2]float64{60, 100}), []int{}},
		{"up", levels([2]float64{20, 100}, [2]float64{10, 110}), []int{20}},
		{"down", levels([2]float64{20, 100}, [2]float64{10, 90}), []int{20}},
		{"too small to tell", levels([2]float64{20, 100}, [2]float64{20, 104}), []int{}},
		{"up and down again", levels([2]float64{15, 100}, [2]float64{10, 120}, [2]float64{15, 100}), []int{15, 25}},
		{"a new change beside an old one", levels([2]float64{100, 100}, [2]float64{60, 300}, [2]float64{5, 340}), []int{100, 160}},
		{"one bad night", outlier, []int{}},
		{"two bad nights", twoOutliers, []int{}},
		{"three nights are not yet a level", levels([2]float64{20, 100}, [2]float64{3, 150}), []int{}},
		{"four after few", levels([2]float64{6, 100}, [2]float64{4, 200}), []int{6}},
		{"five after few", levels([2]float64{6, 100}, [2]float64{5, 112}), []int{6}},
		{"four are", levels([2]float64{20, 100}, [2]float64{4, 150}), []int{20}},
		{"a count that never varied", append(make([]float64, 10), 3, 3, 3, 3), []int{10}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, ats(t, tc.values)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangeSaysWhatItWas(t *testing.T) {
	changes, err := Detect(levels([2]float64{20, 100}, [2]float64{10, 80}), DefaultOptions())
	if err != nil || len(changes) != 1 {
		t.Fatalf("%v, %v", changes, err)
	}
	c := changes[0]
	if c.Before != 100 || c.After != 80 || math.Abs(c.Effect+0.2) > 1e-9 || c.P > 1e-9 {
		t.Errorf("%+v", c)
	}
	changes, err = Detect([]float64{0, 0, 0, 0, 0, 2, 2, 2, 2}, DefaultOptions())
	if err != nil || len(changes) != 1 || !math.IsInf(changes[0].Effect, 1) || changes[0].P != 0 {
		t.Errorf("from nothing: %+v, %v", changes, err)
	}
}

// Units and the direction of time are none of the method's business: other units, the same
// changes; equal series, equal bytes.
func TestScaleDoesNotMatter(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		values := ordinary().nights(r, 40, 20, 0.2)
		scaled := make([]float64, len(values))
		for i, v := range values {
			scaled[i] = v * 1024
		}
		if diff := cmp.Diff(ats(t, values), ats(t, scaled)); diff != "" {
			t.Errorf("seed %d (-seconds +other unit):\n%s", seed, diff)
		}
	}
}

func TestDetectRefuses(t *testing.T) {
	good := DefaultOptions()
	for want, spoil := range map[string]func(*Options){
		"alpha 0: give a chance":      func(o *Options) { o.Alpha = 0 },
		"least step -1: give":         func(o *Options) { o.MinStep = -1 },
		"least effect -1: give":       func(o *Options) { o.MinEffect = -1 },
		"window 15: give at least 16": func(o *Options) { o.Window = 15 },
		"shortest run 1: a level":     func(o *Options) { o.MinRun = 1 },
	} {
		o := good
		spoil(&o)
		if _, err := Detect(nil, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := Detect([]float64{1, math.NaN()}, good); err == nil || !strings.Contains(err.Error(), "value 1 is NaN") {
		t.Errorf("a night without a figure: %v", err)
	}
}
