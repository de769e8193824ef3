package nodeimage

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/clusters/binaries"
)

// TestRealImage builds the image if it has to, and looks into it. Clusters that come up from
// it are the tests of clusters/kind.
func TestRealImage(t *testing.T) {
	if os.Getenv("NETASSAY_KIND") == "" {
		t.Skip("needs Docker, root and minutes when the cache is empty: NETASSAY_KIND=1, after make docker-up")
	}
	img, err := Ensure(t.Context(), Options{Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", img)
	t.Run("again", func(t *testing.T) { testAgain(t, img) })
	t.Run("config", func(t *testing.T) { testConfig(t, img.Ref) })
	t.Run("programs", func(t *testing.T) { testPrograms(t, img.Ref) })
	t.Run("images", func(t *testing.T) { testImages(t, img.Ref) })
}

func testAgain(t *testing.T, first Image) {
	again, err := Ensure(t.Context(), Options{})
	if err != nil || again.Ref != first.Ref || again.Built || again.Loaded || again.Seconds >= 1 {
		t.Errorf("%+v (%v), want nothing done, in less than a second", again, err)
	}
}

func testConfig(t *testing.T, ref string) {
	out, err := exec.CommandContext(t.Context(), "docker", "image", "inspect", "--format", "{{json .Config}}", ref).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Entrypoint []string
		StopSignal string
		Labels     map[string]string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.StopSignal != "SIGRTMIN+3" || got.Labels[Label] != Hash() || strings.Join(got.Entrypoint, " ") != "/usr/local/bin/entrypoint /sbin/init" {
		t.Errorf("configuration is %s", out)
	}
}

// inNode runs a script in a container of the image, with storage as kind gives it.
func inNode(t *testing.T, ref, script string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", "run", "--rm", "--privileged", "--network=none", "--volume=/var",
		"--tmpfs=/run", "--entrypoint=bash", ref, "-euc", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

func testPrograms(t *testing.T, ref string) {
	out := inNode(t, ref, `kubelet --version; kubeadm version -o short; containerd --version; runc --version
for p in iptables ip6tables ipset nft conntrack ip ethtool socat jq curl; do command -v $p; done
/opt/cni/bin/ptp --version 2>&1; cat /kind/version; test -x /sbin/init; test ! -e /etc/machine-id; ls /dev | wc -l`)
	for _, want := range []string{
		"Kubernetes " + binaries.Version, "\n" + binaries.Version, binaries.ContainerdVersion, "CNI ptp plugin " + binaries.CNIVersion, "/usr/sbin/ipset",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func testImages(t *testing.T, ref string) {
	start := time.Now()
	out := inNode(t, ref, `containerd >/dev/null 2>&1 &
for i in {1..300}; do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
ctr -n k8s.io images ls -q 2>/dev/null; ctr -n k8s.io snapshots ls 2>/dev/null | grep -c Committed`)
	t.Logf("containerd answered within %s", time.Since(start))
	lines := strings.Fields(out)
	var names []string
	for _, l := range lines[:len(lines)-1] {
		if !strings.HasPrefix(l, "sha256:") {
			names = append(names, l)
		}
	}
	slices.Sort(names)
	const k8s = "registry.k8s.io/"
	want := []string{
		AgnhostRef, k8s + "coredns/coredns:" + binaries.CoreDNSVersion, k8s + "etcd:" + strings.TrimPrefix(binaries.EtcdVersion, "v") + "-0",
		k8s + "kube-apiserver:" + binaries.Version, k8s + "kube-controller-manager:" + binaries.Version,
		k8s + "kube-proxy:" + binaries.Version, k8s + "kube-scheduler:" + binaries.Version, k8s + "pause:3.10.2",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if unpacked := lines[len(lines)-1]; unpacked != "8" {
		t.Errorf("%s images are unpacked, want 8", unpacked)
	}
}
