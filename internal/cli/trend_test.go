package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

func firstNight() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

// historyOf writes nights of one figure.
func historyOf(t *testing.T, values ...float64) string {
	t.Helper()
	dir := t.TempDir()
	for i, v := range values {
		began := firstNight().AddDate(0, 0, i)
		n := v1.Night{
			NightConditions: v1.NightConditions{Schema: v1.Schema, ID: reports.NightID(began, "x"), Tool: "v1", Set: []string{"scale"}, Started: began},
			Runs:            []v1.NightRun{{Experiment: "scale", Engine: "reference", Verdict: v1.VerdictPass}},
			Metrics: []v1.Metric{{
				Name: "netassay_nightly_lab_ready_seconds", Labels: map[string]string{"experiment": "scale", "engine": "reference"}, Value: v,
			}},
		}
		if err := reports.AppendNight(dir, &n); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// slower is a history whose level rises on the seventh of ten nights.
func slower(t *testing.T) string {
	t.Helper()
	return historyOf(t, 1, 1.01, 0.99, 1, 1.01, 0.99, 2, 2.02, 1.98, 2)
}

func TestTrend(t *testing.T) {
	dir := slower(t)
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 0, "2027-01-21  scale reference: lab_ready_seconds  1 s   2 s  +100 %  worse"},
		{[]string{"-o", "markdown"}, 0, "| 2027-01-21 | scale reference: lab_ready_seconds | 1 s | 2 s | +100 % | worse |"},
		{[]string{"-o", "openmetrics"}, 0, `netassay_trend_change_ratio{direction="worse",engine="reference",experiment="scale",metric="netassay_nightly_lab_ready_seconds",series="lab_ready_seconds"} 1.0 1.8005`},
		{[]string{"-o", "json"}, 0, `"name": "netassay_nightly_lab_ready_seconds"`},
		{[]string{"-o", "html"}, 0, "<h1>Nights <span class=\"badge good\">last night: pass</span></h1>"},
		{[]string{"--fail-within", "3"}, 0, "worse"},
		{[]string{"--fail-within", "4"}, 1, "worse"},
		{[]string{"--min-effect", "2"}, 0, "No figure has changed its level."},
	} {
		code, out, errs := run(t, append([]string{"trend", dir}, tc.args...)...)
		if code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("%q: exit code %d, want %d and %q in\n%s%s", tc.args, code, tc.code, tc.want, out, errs)
		}
	}
}

func TestTrendRefuses(t *testing.T) {
	dir := slower(t)
	for want, args := range map[string][]string{
		"got 0 directories: give one":       {"trend"},
		"no such file or directory":         {"trend", "/none"},
		"has no night: give a directory":    {"trend", t.TempDir()},
		"alpha 2: give a chance":            {"trend", dir, "--alpha", "2"},
		"--fail-within -1: give a number":   {"trend", dir, "--fail-within", "-1"},
		"--output value":                    {"trend", dir, "-o", "yaml"},
		"push the last night to http://127": {"trend", dir, "--push", "http://127.0.0.1:1"},
	} {
		if code, _, errs := run(t, args...); code != exitBroken || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, %s", args, code, errs)
		}
	}
}

// One night that was cut off costs one line and the exit code, not the others.
func TestTrendOfDamagedHistory(t *testing.T) {
	dir := slower(t)
	name := filepath.Join(dir, reports.NightID(firstNight(), "x")+".jsonl")
	if err := os.Truncate(name, 100); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, "trend", dir)
	if code != exitBroken || !strings.HasPrefix(out, "9 nights") || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, name+":1: ") || !strings.Contains(errs, "take the whole one") {
		t.Errorf("exit code %d\n%s%s", code, errs, out)
	}
}

// A Pushgateway gets the last night only, and in the place of the one before.
func TestTrendPush(t *testing.T) {
	var method, path, body string
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		method, path, body = r.Method, r.URL.Path, string(text)
	}))
	defer gateway.Close()
	if code, _, errs := run(t, "trend", slower(t), "--push", gateway.URL); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if method != http.MethodPut || path != "/metrics/job/netassay_nightly" || !strings.Contains(body, "netassay_nightly_lab_ready_seconds") {
		t.Errorf("%s %s\n%q", method, path, body)
	}
}
