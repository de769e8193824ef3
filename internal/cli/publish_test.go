package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// publishable writes a whole run of the suite that has all that a report needs.
func publishable(t *testing.T, outcome v1.Outcome) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	d, err := reports.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Unix(1_800_000_000, 0).UTC()
	run := &v1.Run{RunConditions: v1.RunConditions{
		Schema: v1.Schema, ID: "r", Tool: "v0.1.0", Engine: "kube-router", EngineVersion: "v1.6.1", Cluster: "lab", Kubernetes: "v1.37.2", Kernel: "6.18",
		Started: started, Finished: started.Add(time.Minute),
	}}
	c := v1.Case{Name: "a", Outcome: outcome, Features: []string{"Ingress"}}
	d.Into(run)(append([]v1.Record{&run.RunConditions}, c.Records()...)...)
	if err := d.Conformance(run); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReportPublish(t *testing.T) {
	out := t.TempDir()
	file := filepath.Join(out, "kube-router-v1.6.1-lab.yaml")
	good, void := publishable(t, v1.Fail), publishable(t, v1.Inconclusive)
	killed := publishable(t, v1.Pass)
	if err := os.Remove(filepath.Join(killed, reports.JUnitFile)); err != nil {
		t.Fatal(err)
	}
	fixed := []string{"--under", "2 CPUs", "--reproduce", "make conformance", "--out", out}
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"one", append([]string{good}, fixed...), exitPass, file},
		{"again", append([]string{good}, fixed...), exitPass, file},
		{"no way to reproduce", []string{good, "--under", "2 CPUs", "--out", out}, exitBroken, "conformance.reproduce is missing"},
		{"void", append([]string{void}, fixed...), exitBroken, `conformance.result is "void"`},
		{"incomplete", append([]string{killed}, fixed...), exitBroken, "is not whole: see netassay report validate"},
		{"no directory", fixed, exitBroken, "got 0 directories: give one"},
	} {
		if code, got, errs := run(t, append([]string{"report", "publish"}, tc.args...)...); code != tc.code || !strings.Contains(got+errs, tc.want) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", tc.name, code, tc.code, tc.want, got, errs)
		}
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "url: https://github.com/cloudnativelabs/kube-router\n") {
		t.Errorf("error %v:\n%s", err, text)
	}
}

// The page in docs comes out of the command as it is.
func TestReportTable(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "engines.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("..", "..", "reports", "published")
	if code, out, errs := run(t, "report", "table", dir); code != exitPass || out != string(page) {
		t.Errorf("exit code %d, %s; docs/engines.md is other than what the reports say", code, errs)
	}
	if code, _, errs := run(t, "report", "table", t.TempDir()); code != exitBroken || !strings.Contains(errs, "has no published report") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	moved := t.TempDir()
	if err := os.WriteFile(filepath.Join(moved, "x.yaml"), mustRead(t, filepath.Join(dir, "azure-npm-v1.7.0-lab.yaml")), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "report", "table", moved); code != exitBroken || !strings.Contains(errs, "x.yaml: what it holds belongs in azure-npm-v1.7.0-lab.yaml: rename it") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
