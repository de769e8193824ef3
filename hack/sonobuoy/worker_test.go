package sonobuoy

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmware-tanzu/sonobuoy/pkg/client/results"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/aggregation"
	"github.com/vmware-tanzu/sonobuoy/pkg/plugin/loader"
	"github.com/vmware-tanzu/sonobuoy/pkg/worker"
)

// Sonobuoy's worker and aggregator take what run-in-cluster leaves, here where there is no
// cluster: they say failed, and why, and have the log.
func TestWorkerAndAggregator(t *testing.T) {
	const name = "netassay-verify"
	all, err := loader.LoadAllPlugins("sonobuoy", "image", "IfNotPresent", "", nil, []string{"../../examples/sonobuoy"}, []plugin.Selection{{Name: name}})
	if err != nil || len(all) != 1 {
		t.Fatalf("plugins %v: %v", all, err)
	}
	out := t.TempDir()
	aggregator := aggregation.NewAggregator(filepath.Join(out, results.PluginsDir), all[0].ExpectedResults(nil))
	server := httptest.NewServer(aggregation.NewHandler(aggregator.HandleHTTPResult, aggregator.HandleHTTPProgressUpdate))
	defer server.Close()
	url, err := aggregation.GlobalResultURL(server.URL, name)
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	gathered := make(chan error, 1)
	go func() {
		gathered <- worker.GatherResults(filepath.Join(dir, "done"), url, server.Client(), make(chan struct{}))
	}()
	runWithoutCluster(t, dir)
	select {
	case err := <-gathered:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the worker still waits")
	}

	item, errs := results.PostProcessPlugin(all[0], out)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if said := details(item); item.Status != results.StatusFailed || !strings.Contains(said, "unfinished: the run itself failed (exit code 2)") || !strings.Contains(said, "netassay: ") {
		t.Errorf("status %s: %q", item.Status, said)
	}
	if _, err := os.Stat(filepath.Join(out, results.PluginsDir, name, results.ResultsDir, plugin.GlobalResult, "log.txt")); err != nil {
		t.Error(err)
	}
}

// runWithoutCluster runs the program as its pod does, with nothing to reach.
func runWithoutCluster(t *testing.T, dir string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "netassay")
	build := exec.Command("go", "build", "-C", "../..", "-buildvcs=false", "-o", program, "./cmd/netassay")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	run := exec.Command(program, "run-in-cluster", "--results", dir, "--", "verify")
	run.Env = []string{"KUBECONFIG=" + filepath.Join(dir, "nothing"), "HOME=" + dir}
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("run-in-cluster: %v\n%s", err, out)
	}
}
