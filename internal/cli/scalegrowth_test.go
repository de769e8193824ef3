package cli

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// sizedRuns writes a run for each size, whose changes take as many milliseconds as a
// hundredth of the pods.
func sizedRuns(t *testing.T, profile string, pods ...int) []string {
	t.Helper()
	var out []string
	for i, n := range pods {
		started := time.Unix(1_800_000_000+int64(60*i), 0).UTC()
		ms := float64(n) / 100
		dir := filepath.Join(t.TempDir(), fmt.Sprint(n))
		writeRun(t, dir,
			&v1.ScaleConditions{Schema: v1.ScaleSchema, ID: fmt.Sprint(n), Profile: fmt.Sprintf(profile, n), Started: started, Finished: started.Add(time.Minute)},
			&v1.Engine{Name: "reference"}, &v1.Turn{Engine: "reference", Started: started},
			&v1.Sample{Engine: "reference", Transition: v1.Revoke, Want: "deny", Stable: &ms},
		)
		out = append(out, dir)
	}
	return out
}

func TestScaleGrowth(t *testing.T) {
	runs := sizedRuns(t, "headline pods=%d", 4000, 500, 1000, 2000)
	for _, tc := range []struct {
		name string
		args []string
		code int
		out  string // in what is printed, wherever
	}{
		{"in proportion", runs, exitPass, "1.00 to 1.00"},
		{"nothing", nil, exitBroken, "netassay: give result directories: netassay scale growth RESULT [RESULT...]"},
		{"few", runs[:3], exitBroken, "netassay: 3 sizes: give at least 4"},
		{"one twice", append(runs, runs[0]), exitBroken, "of the same size, 4000 pods"},
		{"another load", append(runs[:3:3], sizedRuns(t, "headline pods=%d cidrs=100", 8000)...), exitBroken, "is of another load than"},
		{"not there", []string{"nowhere"}, exitBroken, "nowhere"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Main(t.Context(), append([]string{"scale", "growth"}, tc.args...), IO{Out: &out, Err: &errs})
			if all := out.String() + errs.String(); code != tc.code || !strings.Contains(all, tc.out) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tc.code, tc.out, all)
			}
		})
	}
}
