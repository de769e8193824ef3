package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/netassay/netassay/reports"
	"github.com/netassay/netassay/reports/internal/nights"
	"github.com/netassay/netassay/reports/live"
	"github.com/netassay/netassay/reports/openmetrics"
	"github.com/netassay/netassay/reports/trend"
	"github.com/netassay/netassay/reports/trend/changepoint"
	v1 "github.com/netassay/netassay/reports/v1"
)

// program is where make test has put one of Prometheus's programs, or PATH has it.
func program(t *testing.T, name string) string {
	t.Helper()
	if dir := os.Getenv("NETASSAY_PROMETHEUS"); dir != "" {
		return filepath.Join(dir, name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: hack/prometheus.sh DIRECTORY gets it, NETASSAY_PROMETHEUS=DIRECTORY names it", err)
		}
		t.Skipf("%v: run by make test", err)
	}
	return path
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, "promtool"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	t.Logf("promtool %s:\n%s", strings.Join(args[:2], " "), out)
}

func TestRules(t *testing.T) {
	promtool(t, "check", "rules", "prometheus/rules.yaml")
	promtool(t, "check", "config", "prometheus/prometheus.yaml")
	promtool(t, "test", "rules", "prometheus/nights_test.yaml", "prometheus/runs_test.yaml")
}

// realNights are those that netassay nightly measured once.
func realNights(t *testing.T) []v1.Night {
	t.Helper()
	all, damaged, err := reports.ReadHistory("../testdata/history")
	if err != nil || len(damaged) > 0 {
		t.Fatalf("%v, %v", err, damaged)
	}
	return all
}

// backfill makes blocks of 30 invented nights, and of real ones, in dir.
func backfill(t *testing.T, dir string) {
	t.Helper()
	all := append(nights.Invent(30, 1), realNights(t)...)
	changes, err := trend.Of(all, changepoint.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "nights.txt")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := openmetrics.Write(f, all, changes); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	promtool(t, "tsdb", "create-blocks-from", "openmetrics", path, dir)
}

// recordedRun is a real run's records, of the scale experiment, and a few of the kinds that it has
// not.
func recordedRun(t *testing.T) []v1.Record {
	t.Helper()
	d, err := reports.ReadScale("../testdata/scale-057bd36")
	if err != nil {
		t.Fatal(err)
	}
	out := []v1.Record{&d.Run.ScaleConditions, &v1.RunConditions{Cluster: "lab", Tool: d.Run.Tool, Order: make([]string, 500), Started: time.Now()}}
	for i := range d.Samples {
		ms := 12.5
		out = append(out, &d.Samples[i], &v1.Case{Outcome: v1.Pass}, &v1.Cell{Outcome: v1.Pass, Probes: 3, Changed: true, Stable: &ms})
	}
	for i := range d.Readings {
		out = append(out, &d.Readings[i])
	}
	return append(out, &v1.Fault{}, &v1.Note{})
}

// exporter is a run that goes on: its records come a few at each scrape.
func exporter(t *testing.T) (host string) {
	t.Helper()
	run, records, next := live.New(), recordedRun(t), 0
	metrics := promhttp.HandlerFor(run.Gatherer(), promhttp.HandlerOpts{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 20 {
			run.Record(records[next%len(records)])
			next++
		}
		metrics.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// startPrometheus starts a real one, with the nights in it and the run to scrape.
func startPrometheus(t *testing.T) (address string) {
	t.Helper()
	binary, dir := program(t, "prometheus"), t.TempDir()
	data := filepath.Join(dir, "data")
	backfill(t, data)
	rules, err := filepath.Abs("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}\nrule_files: [%s]\nscrape_configs: [{job_name: run, static_configs: [{targets: ['%s']}]}]\n", rules, exporter(t))
	if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_ = free.Close()
	cmd := exec.Command(binary, "--config.file="+filepath.Join(dir, "p.yaml"), "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=100y", "--web.listen-address="+address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return address
}

// answers are how many values an answer has that are numbers.
func answers(ctx context.Context, address, path string, params url.Values) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path+"?"+params.Encode(), nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Value  []any
				Values [][]any
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Error != "" {
		return 0, fmt.Errorf("%s: %w", text, err)
	}
	n := 0
	for _, r := range answer.Data.Result {
		for _, v := range append(r.Values, r.Value) {
			if len(v) == 2 && v[1] != "NaN" {
				n++
			}
		}
	}
	return n, nil
}

// filled is a query without what Grafana fills in.
func filled(expr string) string {
	return strings.NewReplacer("$experiment", ".*", "$engine", ".*", "$__rate_interval", "30s").Replace(expr)
}

// Every query of every panel finds data in a real Prometheus that holds a month of nights and
// scrapes a run.
func TestEveryQueryFindsData(t *testing.T) {
	address := startPrometheus(t)
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	lastNight := nights.First().AddDate(0, 0, 29).Add(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	queries := 0
	for name, text := range files {
		for _, p := range panelsOf(t, text) {
			for _, target := range p.Targets {
				queries++
				if err := await(ctx, tick.C, address, name, filled(target.Expr), lastNight); err != nil {
					t.Errorf("%s, panel %q: %s: %v", name, p.Title, target.Expr, err)
				}
			}
		}
	}
	after := realNights(t)[0].Started.Add(time.Hour)
	for _, expr := range []string{`netassay_nightly_verdict{verdict="pass", experiment="conformance"}`, `netassay_nightly_memory_bytes{reading="rss", phase="loaded"}`} {
		if err := await(ctx, tick.C, address, "nights.json", "last_over_time("+expr+"[2h])", after); err != nil {
			t.Errorf("a real night, %s: %v", expr, err)
		}
	}
	if queries < 40 {
		t.Errorf("%d queries: this test has lost its way", queries)
	}
	t.Logf("%d queries of %d dashboards found data", queries, len(files))
}

// await asks until there is an answer: of nights at the end of the last, and over all of them, of a
// run now.
func await(ctx context.Context, tick <-chan time.Time, address, dashboard, expr string, lastNight time.Time) error {
	for {
		at := time.Now()
		if dashboard == "nights.json" {
			at = lastNight
		}
		n, err := answers(ctx, address, "/api/v1/query", url.Values{"query": {expr}, "time": {at.Format(time.RFC3339)}})
		if n > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no data: %w", err)
		case <-tick:
		}
	}
}
