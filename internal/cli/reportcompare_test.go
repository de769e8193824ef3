package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/netassay/netassay/reports/v1"
)

func TestReportCompare(t *testing.T) {
	one := func(engine string, o v1.Outcome) string {
		return filepath.Join(suiteResults(t, 1, 0, engine, o, 40), "0")
	}
	good, bad := one("reference", v1.Pass), one("kube-router", v1.Fail)
	scale := filepath.Join(scaleRuns(t, 1, 0, 1), "0")
	out := filepath.Join(t.TempDir(), "engines.html")
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string // in what is printed, or in the page
	}{
		{"two engines", []string{good, bad}, exitPass, "kube-router"},
		{"with scale", []string{good, bad, scale}, exitPass, `id="latency"`},
		{"the same at scale twice", []string{scale, scale}, exitPass, ", run "},
		{"earlier layout", []string{good, filepath.Join(goldenResults, "conformance-057bd36")}, exitPass, "not played"},
		{"one", []string{good}, exitBroken, "got 1 results: give two or more, netassay report compare DIR DIR [DIR...]"},
		{"chaos", []string{good, filepath.Join(goldenResults, "chaos-057bd36")}, exitBroken, "is of chaos: give results of conformance or scale"},
		{"nothing there", []string{good, "none"}, exitBroken, "read results: open none: no such file or directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_ = os.Remove(out)
			code, told, errs := run(t, append([]string{"report", "compare", "-o", out}, tc.args...)...)
			page, _ := os.ReadFile(out)
			if code != tc.code || !strings.Contains(told+errs+string(page), tc.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, tc.code, tc.want, told, errs)
			}
		})
	}
}
