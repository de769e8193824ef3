package chaos

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/chaos/account"
)

func TestWrite(t *testing.T) {
	tally := account.Tally{UDP: account.Counts{MustDrop: 10, MustPass: 10}, TCP: account.Counts{MustDrop: 1, MustPass: 1}, Ticks: 20}
	half := &Result{Backend: "nft", Tally: tally, Repairs: []float64{9, 5}, Done: Done{Kills: 3}}
	for _, tc := range []struct {
		name    string
		results []*Result
		failed  error
		want    v1.Verdict
		figures map[string]any
	}{
		{"two backends", []*Result{half, half}, nil, v1.VerdictPass, map[string]any{
			"must_drop": 20.0, "kills": 6.0, "repair_n": 4.0, "repair_p50_ms": 5.0, "repair_max_ms": 9.0,
		}},
		{"one could not be finished", []*Result{half}, errors.New("broke"), v1.VerdictVoid, map[string]any{"must_drop": 10.0}},
		{"none", nil, nil, v1.VerdictVoid, map[string]any{"must_drop": 0.0, "repair_n": 0.0, "repair_max_ms": nil}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Write(dir, tc.results, Summarize(tc.results, 7, account.Limits{MaxMissed: 0.1}, tc.failed)); err != nil {
				t.Fatal(err)
			}
			var got struct {
				Verdict v1.Verdict
				Figures map[string]any
			}
			text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
			if err == nil {
				err = json.Unmarshal(text, &got)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != tc.want {
				t.Errorf("verdict %s, want %s", got.Verdict, tc.want)
			}
			for name, want := range tc.figures {
				if v, ok := got.Figures[name]; !ok || v != want {
					t.Errorf("%s: got %v, want %v", name, v, want)
				}
			}
			report, err := os.ReadFile(filepath.Join(dir, "report.txt"))
			if err != nil || !strings.Contains(string(report), "verdict: "+string(tc.want)) {
				t.Errorf("report: %v\n%s", err, report)
			}
		})
	}
}
