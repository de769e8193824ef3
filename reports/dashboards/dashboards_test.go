package dashboards

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/reports/live"
	"github.com/netassay/netassay/reports/metrics"
)

func TestDashboardsAreCurrent(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join("grafana", name)
		golden.Check(t, path, text)
	}
}

// Grafana's own types know every field of the files.
func TestDashboardsAreWhatGrafanaReads(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		var d dashboard.Dashboard
		for _, err := range []error{d.UnmarshalJSONStrict(text), d.Validate()} {
			// The SDK gives lists of errors, and empty ones where there is none.
			if err != nil && strings.TrimSpace(err.Error()) != "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if bad := strings.Replace(string(text), `"refresh"`, `"refrsh"`, 1); name == "run.json" {
			if err := new(dashboard.Dashboard).UnmarshalJSONStrict([]byte(bad)); err == nil || !strings.Contains(err.Error(), "refrsh") {
				t.Errorf("a field that Grafana does not know: %v", err)
			}
		}
	}
}

// panel is what tests look at of one.
type panel struct {
	Title   string
	Type    string
	Targets []struct{ Expr string }
	Panels  []panel // of a row
}

// panelsOf are all panels with a query of a dashboard.
func panelsOf(t *testing.T, text []byte) (out []panel) {
	t.Helper()
	var d struct {
		Panels     []panel
		Templating struct {
			List []struct{ Name, Query string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, q := range append(p.Panels, p) {
			if q.Type != "row" {
				out = append(out, q)
			}
		}
	}
	return out
}

// named matches what looks like one of our metrics, in queries and rules.
var named = regexp.MustCompile(`[a-z_]*:?\bnetassay_[a-z_]+(:[a-z0-9_]+)?`)

// Every metric that a dashboard or a rule names is one that netassay has, and every one that it has
// is in a dashboard.
func TestEveryMetricExists(t *testing.T) {
	known := map[string]bool{}
	for _, d := range metrics.Nightly() {
		known[d.Name] = true
	}
	for _, name := range live.New().Names() {
		known[name] = true
	}
	rules, err := os.ReadFile("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recorded(t, rules) {
		known[r] = true
	}
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	files["rules.yaml"] = rules
	shown := map[string]bool{}
	for file, text := range files {
		for _, name := range named.FindAllString(string(text), -1) {
			shown[name] = true
			if !known[name] {
				t.Errorf("%s names %s, which netassay does not have", file, name)
			}
		}
	}
	for name := range known {
		base, _, _ := strings.Cut(name, "_bucket")
		if !shown[name] && !shown[base+"_bucket"] && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !strings.Contains(name, ":") {
			t.Errorf("%s is in no dashboard and no rule", name)
		}
	}
}

// recorded are the names that rules record.
func recorded(t *testing.T, text []byte) (out []string) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Alert string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				out = append(out, r.Record)
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no rule records anything: this test has lost its way")
	}
	return out
}

// What compose.yaml mounts and names is there.
func TestComposeFile(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image   string
			Volumes []string
			Command []string
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for name, s := range file.Services {
		if !regexp.MustCompile(`:v?\d+\.\d+\.\d+$`).MatchString(s.Image) {
			t.Errorf("%s: image %s is not of one version", name, s.Image)
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if _, err := os.Stat(from); strings.HasPrefix(from, "./") && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if p := file.Services["prometheus"]; !slices.Contains(p.Command, "--config.file=/etc/prometheus/prometheus.yaml") {
		t.Errorf("Prometheus is started with %q", p.Command)
	}
}
