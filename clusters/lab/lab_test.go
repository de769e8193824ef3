package lab_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// programs are those in KUBEBUILDER_ASSETS; without it a test of a whole lab can't run.
func programs(t *testing.T) lab.Programs {
	t.Helper()
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KUBEBUILDER_ASSETS is not set: run make binaries, or set it")
		}
		t.Skip("KUBEBUILDER_ASSETS is not set")
	}
	return lab.Programs{
		Etcd: filepath.Join(dir, "etcd"), APIServer: filepath.Join(dir, "kube-apiserver"),
		ControllerManager: filepath.Join(dir, "kube-controller-manager"), KubeProxy: filepath.Join(dir, "kube-proxy"),
		Agnhost: filepath.Join(dir, "agnhost"),
	}
}

func TestStart(t *testing.T) {
	sandbox.Require(t)
	l, err := lab.Start(t.Context(), lab.Config{
		Programs: programs(t), LogDir: t.TempDir(), Progress: func(s string) { t.Log(s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", l.ReadyAfter())
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
