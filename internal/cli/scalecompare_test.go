package cli

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// scaleRuns writes ten runs of one repeat each into a directory, in turn with another's.
func scaleRuns(t *testing.T, seed uint64, turn int, slower float64) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 10 {
		started := time.Unix(1_800_000_000+int64(120*i+60*turn), 0).UTC()
		all := []v1.Record{
			&v1.ScaleConditions{Schema: v1.ScaleSchema, ID: fmt.Sprintf("r%d", i), Profile: "seed=1", Started: started, Finished: started.Add(time.Minute)},
			&v1.Engine{Name: "reference"}, &v1.Turn{Engine: "reference", Started: started},
		}
		for _, transition := range []string{v1.Floor, v1.PolicyCreate, v1.Revoke} {
			for change := range 40 {
				ms := 2.0
				if transition != v1.Floor {
					ms = slower * (40 + 10*r.ExpFloat64())
				}
				all = append(all, &v1.Sample{Engine: "reference", Transition: transition, Change: change, Want: "deny", Stable: &ms})
			}
		}
		writeRun(t, filepath.Join(dir, fmt.Sprint(i)), all...)
	}
	return dir
}

// writeRun writes a whole result directory.
func writeRun(t *testing.T, path string, all ...v1.Record) {
	t.Helper()
	dir, err := reports.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var d v1.ScaleData
	dir.Into(&d)(all...)
	if _, err := writeScale(dir, &d); err != nil {
		t.Fatal(err)
	}
}

func TestScaleCompare(t *testing.T) {
	base, same := scaleRuns(t, 1, 0, 1), scaleRuns(t, 2, 1, 1)
	slow, fast := scaleRuns(t, 3, 1, 1.2), scaleRuns(t, 4, 1, 0.8)
	late := scaleRuns(t, 5, 100, 1)
	older := filepath.Join("..", "..", "reports", "testdata", "scale-057bd36")
	for _, tc := range []struct {
		name string
		args []string
		code int
		out  string // in what is printed, wherever
	}{
		{"identical", []string{base, same}, exitPass, "netassay scale compare: NO CHANGE"},
		{"itself", []string{base, base}, exitPass, "NO CHANGE"},
		{"written before there were records", []string{older, older}, exitPass, "NO CHANGE"},
		{"20 % slower", []string{base, slow}, exitFail, "REGRESSION"},
		{"20 % faster", []string{base, fast}, exitPass, "IMPROVEMENT"},
		{"one after the other", []string{base, late}, exitBroken, "not taken in turn"},
		{"accepted", []string{base, late, "--sequential"}, exitPass, "NO CHANGE"},
		{"too few", []string{filepath.Join(base, "0"), filepath.Join(same, "0")}, exitBroken, "has 1 repeats, give at least 10"},
		{"one only", []string{base}, exitBroken, "netassay: got 1 results: give two, netassay scale compare BASE HEAD"},
		{"not there", []string{base, "nowhere"}, exitBroken, "netassay: read results: stat nowhere"},
		{"no results", []string{base, t.TempDir()}, exitBroken, "give a result directory of netassay scale"},
		{"benchmarks", []string{filepath.Join(base, "0", "bench.txt"), filepath.Join(base, "0", "bench.txt"), "--sequential"}, exitBroken, "has 1 repeats"},
		{"bad flag", []string{base, same, "--alpha", "2"}, exitBroken, "--alpha 2: give a chance between 0 and 1"},
		{"mistyped", []string{base, same, "--sequentia"}, exitBroken, "did you mean --sequential?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Main(t.Context(), append([]string{"scale", "compare"}, tc.args...), IO{Out: &out, Err: &errs})
			if all := out.String() + errs.String(); code != tc.code || !strings.Contains(all, tc.out) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tc.code, tc.out, all)
			}
		})
	}
}
