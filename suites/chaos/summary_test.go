package chaos

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/netassay/netassay/reports/render"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/steady/account"
)

func TestSummarize(t *testing.T) {
	tally := v1.Tally{UDP: v1.Counts{MustDrop: 10, MustPass: 10}, TCP: v1.Counts{MustDrop: 1, MustPass: 1}, Ticks: 20}
	half := v1.Backend{Backend: "nft", Tally: tally, Repairs: []float64{9, 5}, Done: v1.Done{Kills: 3}}
	for _, tc := range []struct {
		name    string
		run     v1.ChaosRun
		want    v1.Verdict
		figures map[string]any
	}{
		{"two backends", v1.ChaosRun{Backends: []v1.Backend{half, half}}, v1.VerdictPass, map[string]any{
			"must_drop": 20.0, "kills": 6.0, "repair_n": 4.0, "repair_p50_ms": 5.0, "repair_max_ms": 9.0,
		}},
		{"one could not be finished", v1.ChaosRun{ChaosConditions: v1.ChaosConditions{Trouble: "broke"}, Backends: []v1.Backend{half}}, v1.VerdictVoid, map[string]any{"must_drop": 10.0}},
		{"none", v1.ChaosRun{}, v1.VerdictVoid, map[string]any{"must_drop": 0.0, "repair_n": 0.0, "repair_max_ms": nil}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.run.Seed = 7
			sum := Summarize(&tc.run, account.Limits{MaxMissed: 0.1})
			if sum.Verdict != tc.want || sum.Seed != 7 {
				t.Errorf("verdict %s, seed %d, want %s", sum.Verdict, sum.Seed, tc.want)
			}
			var got struct{ Figures map[string]any }
			text, err := json.Marshal(sum)
			if err == nil {
				err = json.Unmarshal(text, &got)
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range tc.figures {
				if v, ok := got.Figures[name]; !ok || v != want {
					t.Errorf("%s: got %v, want %v", name, v, want)
				}
			}
			var report bytes.Buffer
			if err := render.ChaosText(&report, &tc.run, &sum); err != nil || !strings.Contains(report.String(), "verdict: "+string(tc.want)+" (seed 7)") {
				t.Errorf("report: %v\n%s", err, &report)
			}
			if tc.run.Trouble != "" && !strings.Contains(report.String(), tc.run.Trouble) {
				t.Errorf("the report does not say %q:\n%s", tc.run.Trouble, &report)
			}
		})
	}
}
