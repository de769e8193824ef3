package nodeimage

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/clusters/binaries"
)

func text(t *testing.T, parts ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The files and the library must be of one release of kind.
func TestKindIsOfOneRelease(t *testing.T) {
	if want := kindModule + " " + kindVersion; !strings.Contains(text(t, "..", "..", "go.mod"), want) {
		t.Errorf("go.mod does not require %s", want)
	}
	if want := kindModule + " " + kindVersion + " " + kindSum + "\n"; !strings.Contains(text(t, "..", "..", "go.sum"), want) {
		t.Errorf("go.sum does not have %s", want)
	}
}

// kind's own files, from its module, become what this project's nodes need: the texts that
// patches look for must still be there in a new release.
func TestNodeFiles(t *testing.T) {
	source, err := kindFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := copyFiles(source, root); err != nil {
		t.Fatal(err)
	}
	if err := enable(root); err != nil {
		t.Fatal(err)
	}
	if err := sandboxImage(root, "registry.k8s.io/pause:test"); err != nil {
		t.Fatal(err)
	}
	containerd, service := text(t, root, "etc/containerd/config.toml"), text(t, root, "etc/systemd/system/containerd.service")
	for _, tc := range []struct{ text, has, hasNot string }{
		{containerd, "restrict_oom_score_adj = true", "restrict_oom_score_adj = false"},
		{containerd, `sandbox_image = "registry.k8s.io/pause:test"`, "pause:3"},
		{containerd, "/etc/containerd/cri-base.json", ""},
		{service, "LimitNOFILE=20000", "infinity\nLimitCORE"},
		{service, "ExecStart=/usr/local/bin/containerd", "OOMScoreAdjust"},
	} {
		if !strings.Contains(tc.text, tc.has) {
			t.Errorf("no %q in:\n%s", tc.has, tc.text)
		}
		if tc.hasNot != "" && strings.Contains(tc.text, tc.hasNot) {
			t.Errorf("still %q in:\n%s", tc.hasNot, tc.text)
		}
	}
	for name, want := range map[string]fs.FileMode{
		"usr/local/bin/entrypoint": 0o755, "kind/bin/mount-product-files.sh": 0o755, "etc/crictl.yaml": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
	if link, err := os.Readlink(filepath.Join(root, "etc/systemd/system/multi-user.target.wants/kubelet.service")); err != nil || link != "/etc/systemd/system/kubelet.service" {
		t.Errorf("kubelet.service is enabled by a link to %q (%v)", link, err)
	}
}

func TestSandboxImageNeedsKindsLine(t *testing.T) {
	root := t.TempDir()
	if err := write(root, "etc/containerd/config.toml", "version = 2\n", 0o644); err != nil {
		t.Fatal(err)
	}
	if err := sandboxImage(root, "pause"); err == nil {
		t.Error("a configuration without a sandbox image was taken")
	}
}

func TestHooked(t *testing.T) {
	out, err := hooked([]byte(`{"process": {"rlimits": [{"type": "RLIMIT_NOFILE"}], "cwd": "/"},
		"hooks": {"createContainer": [{"path": "/first"}]}, "linux": {"x": 1}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Process map[string]any
		Linux   map[string]any
		Hooks   struct{ CreateContainer []struct{ Path string } }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	hooks := got.Hooks.CreateContainer
	if len(got.Process) != 1 || got.Linux["x"] == nil || len(hooks) != 2 || hooks[1].Path != "/kind/bin/mount-product-files.sh" {
		t.Errorf("became %s", out)
	}
	for _, bad := range []string{"", "[]", "{}"} {
		if _, err := hooked([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// fakePrograms are programs of no content, and a kubeadm that wants what list says.
func fakePrograms(t *testing.T, list string) binaries.Set {
	t.Helper()
	dir, set := t.TempDir(), binaries.Set{}
	for _, n := range binaries.Node() {
		set[n] = filepath.Join(dir, string(n))
		program(t, set[n], "program "+string(n))
	}
	program(t, set[binaries.Kubeadm], "#!/bin/sh\nprintf '"+list+"'\n")
	return set
}

func TestArchives(t *testing.T) {
	dir := t.TempDir()
	set := fakePrograms(t, `registry.k8s.io/coredns/coredns:v1\nregistry.k8s.io/pause:3.10.2\nregistry.k8s.io/etcd:3.7.0-0\n`)
	files, pause, err := archives(t.Context(), dir, "", set)
	if err != nil {
		t.Fatal(err)
	}
	if pause != "registry.k8s.io/pause:3.10.2" {
		t.Errorf("pause image is %q", pause)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "agnhost.tar coredns.tar etcd.tar pause.tar" {
		t.Errorf("archives %s", got)
	}
	if !strings.Contains(text(t, dir, "agnhost.tar"), `["`+AgnhostRef+`"]`) {
		t.Errorf("agnhost's archive does not name %s", AgnhostRef)
	}
}

func TestArchivesOfUnknownImages(t *testing.T) {
	for _, tc := range []struct{ name, list, want string }{
		{"unknown", `registry.k8s.io/pause:1\nregistry.k8s.io/kube-new:v1\n`, "registry.k8s.io/kube-new:v1"},
		{"no pause", `registry.k8s.io/etcd:1\n`, "no pause image"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := archives(t.Context(), t.TempDir(), "", fakePrograms(t, tc.list))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// Every program of a node is either installed on it or in an image.
func TestEveryProgramHasAPlace(t *testing.T) {
	placed := map[binaries.Name]bool{binaries.Agnhost: true}
	for n := range dirs() {
		placed[n] = true
	}
	for _, c := range components() {
		placed[c.program] = true
	}
	for _, n := range binaries.Node() {
		if !placed[n] {
			t.Errorf("%s is built and used nowhere", n)
		}
	}
}
