package summary

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
)

// sizedRun has a memory that grows with the root of the size, a latency that grows with it,
// and a number of rules that is known only where it is not 0.
func sizedRun(pods float64) Sized {
	ms, memory, none := 0.01*pods, 1000*math.Sqrt(pods), 0.0
	return Sized{Name: fmt.Sprint(pods), Pods: pods, Summary: &v1.ScaleSummary{Engines: []v1.EngineSummary{{
		Engine:      "reference",
		Transitions: []v1.Transition{{Transition: v1.Revoke, N: 3, P50: v1.Figure{Value: &ms}}, {Transition: "state", N: 0}},
		Memory:      []v1.MemoryRow{{Name: v1.RSS, Unit: v1.UnitBytes, Phases: []*float64{nil, &memory, nil, nil}}, {Name: "nft-lines", Phases: []*float64{nil, &none}}},
	}}}}
}

func TestGrow(t *testing.T) {
	sizes, got, err := Grow([]Sized{sizedRun(4000), sizedRun(500), sizedRun(1000), sizedRun(2000)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Name != "revoke p50" || got[1].Name != v1.RSS || got[2].Name != "nft-lines" {
		t.Fatalf("figures are %+v", got)
	}
	for i, want := range []float64{1, 0.5} {
		if g := got[i].Growth; g == nil || math.Abs(g.Exponent-want) > 1e-6 {
			t.Errorf("%s grows by %+v, want %g", got[i].Name, g, want)
		}
	}
	if got[2].Growth != nil || got[2].Why == "" {
		t.Errorf("a cost of nothing grows by %+v", got[2].Growth)
	}
	var out strings.Builder
	if err := render.GrowthText(&out, sizes, got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"500 pods", "4000 pods", "revoke p50", "0.50"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestGrowRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		runs []Sized
		want string
	}{
		{"few", []Sized{sizedRun(1), sizedRun(2), sizedRun(3)}, "3 sizes: give at least 4"},
		{"one twice", []Sized{sizedRun(1), sizedRun(2), sizedRun(2), sizedRun(3)}, "of the same size"},
		{"nothing", []Sized{{Pods: 1, Summary: &v1.ScaleSummary{}}, {Pods: 2, Summary: &v1.ScaleSummary{}}, {Pods: 3, Summary: &v1.ScaleSummary{}}, {Pods: 4, Summary: &v1.ScaleSummary{}}}, "no run has a figure"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := Grow(tc.runs); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want %q", err, tc.want)
			}
		})
	}
}
