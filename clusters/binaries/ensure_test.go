package binaries

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ensure(t *testing.T, want ...Name) Set {
	t.Helper()
	set, err := Ensure(t.Context(), Options{Want: want})
	if err != nil {
		t.Fatalf("ensure %v: %v", want, err)
	}
	return set
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func program(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("asset"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestEnsureBuildsOnceAndOnlyWhatIsWanted(t *testing.T) {
	fake := newFakeGo(t, goWorks)
	ensure(t, Kubectl, Etcd, Kubectl)
	set := ensure(t, Etcd, Kubectl, Agnhost)
	want := []string{"go.etcd.io/etcd/server/v3", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes/test/images/agnhost"}
	if diff := cmp.Diff(want, fake.calls(t)); diff != "" {
		t.Errorf("packages built (-want +got):\n%s", diff)
	}
	for name, pkg := range map[Name]string{Etcd: want[0], Kubectl: want[1], Agnhost: want[2]} {
		if got := content(t, set.Path(name)); got != "program of "+pkg {
			t.Errorf("%s holds %q", name, got)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(set.Path(Etcd)), tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEnsureTakesAssetsFirstAndCompletesThem(t *testing.T) {
	fake := newFakeGo(t, goWorks)
	assets := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	program(t, filepath.Join(assets, "etcd"))
	set := ensure(t, Etcd, Kubectl)
	if got, want := set.Path(Etcd), filepath.Join(assets, "etcd"); got != want {
		t.Errorf("etcd is %s, want %s", got, want)
	}
	if diff := cmp.Diff([]string{"k8s.io/kubernetes/cmd/kubectl"}, fake.calls(t)); diff != "" {
		t.Errorf("packages built (-want +got):\n%s", diff)
	}
}

func TestPinnedTakesNoAssets(t *testing.T) {
	newFakeGo(t, goWorks)
	assets := t.TempDir()
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	program(t, filepath.Join(assets, "etcd"))
	set, err := Ensure(t.Context(), Options{Want: []Name{Etcd}, Pinned: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, set.Path(Etcd)); got != "program of go.etcd.io/etcd/server/v3" {
		t.Errorf("etcd holds %q, want what was built", got)
	}
}

// Programs of several modules come from several builds and land in one set.
func TestEnsureBuildsAcrossModules(t *testing.T) {
	fake := newFakeGo(t, goWorks)
	set := ensure(t, CoreDNS, Ctr, Kubelet, PTP, Pause)
	want := []string{
		"k8s.io/kubernetes/cmd/kubelet", "github.com/containerd/containerd/v2/cmd/ctr",
		"github.com/containernetworking/plugins/plugins/main/ptp", ".", ".",
	}
	if diff := cmp.Diff(want, fake.calls(t)); diff != "" {
		t.Errorf("packages built (-want +got):\n%s", diff)
	}
	dirs := map[string]bool{}
	for _, path := range set {
		dirs[filepath.Dir(path)] = true
	}
	if len(set) != 5 || len(dirs) != 5 {
		t.Errorf("%d programs in %d directories, want 5 in 5", len(set), len(dirs))
	}
}

func TestEnsureNeedsNoGoWhenAssetsAreComplete(t *testing.T) {
	assets := t.TempDir()
	program(t, filepath.Join(assets, "etcd"))
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	t.Setenv("PATH", "")
	t.Setenv("HOME", "")
	t.Setenv("NETASSAY_CACHE", "")
	ensure(t, Etcd)
}

// Each of these must be one line that says what to do.
func TestEnsureErrorsNameTheCure(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script string
		setup  func(t *testing.T)
		want   Name
		says   []string
	}{
		{name: "unknown name", want: "kube-dns", says: []string{`"kube-dns"`, "valid are", "kube-proxy"}},
		{name: "no go", setup: func(t *testing.T) { t.Helper(); t.Setenv("PATH", "") }, says: []string{"no go command", "install Go", "KUBEBUILDER_ASSETS"}},
		{
			name:   "old go",
			script: `echo 'go: go.mod requires go >= 1.26.0 (running go 1.24.1; GOTOOLCHAIN=local)' >&2; exit 1`,
			says:   []string{"too old", "1.26.0", "running go 1.24.1"},
		},
		{
			name: "no network",
			script: `echo 'go: downloading a.b/c v1.0.0' >&2
echo 'a.b/c@v1.0.0: Get "https://proxy/a.b/c": dial tcp: lookup proxy: no such host' >&2; exit 1`,
			says: []string{"can't be reached", "no such host", "GOPROXY", "KUBEBUILDER_ASSETS"},
		},
		{name: "full disk", script: `echo 'write /x: no space left on device' >&2; exit 1`, says: []string{"no space left", "GOCACHE"}},
		{name: "other", script: `echo 'a/b' >&2; echo 'x.go:3: broken' >&2; exit 2`, says: []string{"exit status 2", "x.go:3: broken"}},
		{
			name: "assets directory missing", says: []string{"KUBEBUILDER_ASSETS=/nowhere", "not a directory", "unset"},
			setup: func(t *testing.T) { t.Helper(); t.Setenv("KUBEBUILDER_ASSETS", "/nowhere") },
		},
		{
			name: "asset not executable", says: []string{"etcd is not an executable file"},
			setup: func(t *testing.T) {
				t.Helper()
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "etcd"), []byte("x"), 0o644); err != nil {
					t.Fatal(err)
				}
				t.Setenv("KUBEBUILDER_ASSETS", dir)
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newFakeGo(t, tc.script)
			if tc.setup != nil {
				tc.setup(t)
			}
			if tc.want == "" {
				tc.want = Etcd
			}
			set, err := Ensure(t.Context(), Options{Want: []Name{tc.want}})
			if err == nil {
				t.Fatalf("got %v, want an error", set)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %s", err)
			}
			for _, s := range tc.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error does not say %q: %s", s, err)
				}
			}
		})
	}
}

func TestCancelKillsTheBuildAndLeavesNothing(t *testing.T) {
	fake := newFakeGo(t, goHangs)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := Ensure(ctx, Options{Want: []Name{Etcd}})
		result <- err
	}()
	child := filepath.Join(fake.dir, "child")
	waitFor(t, "the build to hang", func() bool { return exists(child) })
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	waitFor(t, "the build's child to end", func() bool { return ended(t, child) })
	dir, err := CacheDir("", "kubernetes", kubernetes().key())
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*etcd*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	fake.set(t, goWorks)
	if got := content(t, ensure(t, Etcd).Path(Etcd)); got != "program of go.etcd.io/etcd/server/v3" {
		t.Errorf("after a killed build etcd holds %q", got)
	}
}

func TestKilledProcessLeavesNothingThatCounts(t *testing.T) {
	fake := newFakeGo(t, goHangs)
	cmd := helper(t, &logWriter{})
	child := filepath.Join(fake.dir, "child")
	waitFor(t, "the build to hang", func() bool { return exists(child) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	killChild(t, child)

	fake.set(t, goWorks)
	set := ensure(t, Etcd)
	if got := content(t, set.Path(Etcd)); got != "program of go.etcd.io/etcd/server/v3" {
		t.Errorf("after a killed process etcd holds %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(set.Path(Etcd)), tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTwoAtOnceBuildOnce(t *testing.T) {
	fake := newFakeGo(t, goWaits)
	makeFIFO(t, filepath.Join(fake.dir, "go-on"))
	var first, second logWriter
	a := helper(t, &first)
	waitFor(t, "the first to build", func() bool { return exists(filepath.Join(fake.dir, "started")) })
	b := helper(t, &second)
	waitFor(t, "the second to say that it waits", func() bool { return strings.Contains(second.String(), "waiting for process ") })
	if err := os.WriteFile(filepath.Join(fake.dir, "go-on"), []byte("go on"), 0); err != nil {
		t.Fatal(err)
	}
	for name, cmd := range map[string]*exec.Cmd{"first": a, "second": b} {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s%s", name, err, &first, &second)
		}
	}
	if diff := cmp.Diff([]string{"go.etcd.io/etcd/server/v3"}, fake.calls(t)); diff != "" {
		t.Errorf("packages built (-want +got):\n%s", diff)
	}
}
