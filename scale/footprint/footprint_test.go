package footprint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/scale/hollow"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// TestRunSmall measures a small cluster from beginning to end. Its bounds are not those of
// the figures that count: a machine that runs other tests can't give these.
func TestRunSmall(t *testing.T) {
	sandbox.Require(t)
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KUBEBUILDER_ASSETS is not set: run make binaries, or set it")
		}
		t.Skip("KUBEBUILDER_ASSETS is not set")
	}
	paths := map[string]string{}
	for _, name := range []string{"enforcer", "probe"} {
		path, err := binaries.Own(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		paths[name] = path
	}
	l, err := lab.Start(t.Context(), lab.Config{
		Nodes: 1, LogDir: t.TempDir(), Progress: func(line string) { t.Log(line) },
		Programs: lab.Programs{
			Etcd: filepath.Join(dir, "etcd"), APIServer: filepath.Join(dir, "kube-apiserver"),
			ControllerManager: filepath.Join(dir, "kube-controller-manager"), KubeProxy: filepath.Join(dir, "kube-proxy"),
			Probe: paths["probe"],
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	s, err := Run(t.Context(), Config{
		REST: l.REST(), Node: l.EngineNodes()[0], Enforcer: paths["enforcer"], Image: l.Image("probe"),
		Size:      hollow.Size{Nodes: 20, Pods: 1000, Namespaces: 10, Policies: 50, Seed: 1},
		LocalPods: 5, ChurnRate: 30, ChurnFor: 3 * time.Second, SteadyFor: time.Second,
		Log: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := s.Text(&text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	if s.HWM < s.RSS || s.RSS < 5 || s.HWM > 64 || s.ChurnHWM < s.HWM || s.Heap <= 0 || s.Heap > s.HWM {
		t.Errorf("memory can't be: VmHWM %.1f, later %.1f, VmRSS %.1f, heap %.1f MiB", s.HWM, s.ChurnHWM, s.RSS, s.Heap)
	}
	if s.Sets == 0 || s.SetEntries < 100 || s.SetsBytes < int64(s.SetEntries) || s.Rules == 0 {
		t.Errorf("in the kernel: %d sets, %d entries, %d bytes, %d rules", s.Sets, s.SetEntries, s.SetsBytes, s.Rules)
	}
	if s.ChurnEvents != 90 || s.ChurnCPU <= 0 || s.ChurnSyncs == 0 {
		t.Errorf("churn of %d events took %.2f %% of a core in %d syncs", s.ChurnEvents, s.ChurnCPU, s.ChurnSyncs)
	}
	if s.CgroupPeak != nil && *s.CgroupPeak <= 0 {
		t.Errorf("cgroup peak %v MiB", *s.CgroupPeak)
	}
}

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name string
		s    Summary
		want Verdict
	}{
		{"within", Summary{HWM: 64, ChurnCPU: 10, ChurnSeconds: 60, ChurnRate: 99, ChurnWanted: 100}, Pass},
		{"without churn", Summary{HWM: 10}, Pass},
		{"too large", Summary{HWM: 64.1}, Fail},
		{"too busy", Summary{HWM: 10, ChurnCPU: 10.1, ChurnSeconds: 60, ChurnRate: 99, ChurnWanted: 100}, Fail},
		{"too busy at less than the rate", Summary{HWM: 10, ChurnCPU: 10.1, ChurnSeconds: 60, ChurnRate: 50, ChurnWanted: 100}, Fail},
		{"rate not reached", Summary{HWM: 10, ChurnCPU: 1, ChurnSeconds: 60, ChurnRate: 90, ChurnWanted: 100}, Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.s.BoundHWM, tc.s.BoundChurnCPU = MaxHWM, MaxChurnCPU
			tc.s.judge()
			if tc.s.Verdict != tc.want || (tc.want == Pass) != (len(tc.s.Reasons) == 0) {
				t.Errorf("%s %v, want %s", tc.s.Verdict, tc.s.Reasons, tc.want)
			}
		})
	}
}
