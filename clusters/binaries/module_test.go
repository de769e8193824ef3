package binaries

import (
	"bytes"
	"debug/elf"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/terminal/terminaltest"
)

// The constant, the module and its replacements must be one version.
func TestModuleIsOfVersion(t *testing.T) {
	if want := "\tk8s.io/kubernetes " + Version + "\n"; !strings.Contains(kubernetesMod, want) {
		t.Errorf("kubernetes.mod does not require %q", want)
	}
	replace := regexp.MustCompile(`(?m)^\t(k8s\.io/\S+) => k8s\.io/\S+ (\S+)$`)
	found := replace.FindAllStringSubmatch(kubernetesMod, -1)
	if len(found) < 20 {
		t.Fatalf("found %d replacements of staging modules, want all", len(found))
	}
	for _, m := range found {
		if want := "v0." + strings.TrimPrefix(Version, "v1."); m[2] != want {
			t.Errorf("%s is replaced by %s, want %s", m[1], m[2], want)
		}
	}
}

// The constants must say what the modules require.
func TestModulesAreOfTheirVersions(t *testing.T) {
	for _, tc := range []struct{ name, mod, want string }{
		{"etcd", kubernetesMod, "\tgo.etcd.io/etcd/server/v3 " + EtcdVersion},
		{"containerd", containerdMod, "\tgithub.com/containerd/containerd/v2 " + ContainerdVersion},
		{"cni", containerdMod, "\tgithub.com/containernetworking/plugins " + CNIVersion},
		{"coredns", corednsMod, "require github.com/coredns/coredns " + CoreDNSVersion},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(tc.mod, tc.want+"\n") {
				t.Errorf("the module does not require %q", tc.want)
			}
		})
	}
}

// Programs of different recipes must never share a directory of the cache.
func TestKeysTellRecipesApart(t *testing.T) {
	names := map[string]string{}
	for _, n := range Node() {
		r := recipeOf(n)
		if other, ok := names[r.key()]; ok && other != r.name {
			t.Errorf("recipes %s and %s have one key", r.name, other)
		}
		names[r.key()] = r.name
	}
	if len(names) != 5 {
		t.Errorf("%d recipes, want 5: %v", len(names), names)
	}
}

func TestBuildFlagsStampTheVersion(t *testing.T) {
	flags := kubernetes().flags()
	want := "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2" +
		" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37"
	if diff := cmp.Diff(want, flags[len(flags)-1]); diff != "" {
		t.Errorf("ldflags (-want +got):\n%s", diff)
	}
}

func TestEveryNameHasAnImportPath(t *testing.T) {
	for _, n := range Node() {
		if importPath(n) == "" {
			t.Errorf("%s has no import path", n)
		}
	}
}

func TestBuildLogSortsLines(t *testing.T) {
	l := &buildLog{}
	for _, part := range []string{"go: downloading a.b/c v1.2.3\na.b/", "c\nunicode/utf8\n# a.b/c\nx.go:1:", "2: broken\nend"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	downloads, packages := l.counts()
	if downloads != 1 || packages != 2 {
		t.Errorf("counted %d downloads and %d packages, want 1 and 2", downloads, packages)
	}
	if diff := cmp.Diff("# a.b/c\nx.go:1:2: broken\nend", l.tail()); diff != "" {
		t.Errorf("tail (-want +got):\n%s", diff)
	}
}

func TestProgressLines(t *testing.T) {
	tell := func(p *progress) {
		p.tell("one %d", 1)
		p.clear()
		p.line("two")
	}
	var log bytes.Buffer
	tell(newProgress(&log))
	if diff := cmp.Diff("one 1\ntwo\n", log.String()); diff != "" {
		t.Errorf("in a log (-want +got):\n%s", diff)
	}
	screen := terminaltest.Open(t, 40)
	p := newProgress(screen.File)
	tell(p)
	p.tell("three")
	screen.Await(func(lines []string) bool { return len(lines) == 2 && lines[1] == "three" })
	p.clear()
	if diff := cmp.Diff([]string{"two"}, screen.End()); diff != "" {
		t.Errorf("left on a terminal (-want +got):\n%s", diff)
	}
}

// The real thing, from the real cache, or built into it.
func TestRealBinaries(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Kubernetes when the cache is empty; run without -short")
	}
	var log logWriter
	set, err := Ensure(t.Context(), Options{Progress: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	for _, n := range All() {
		if interp := interpreter(t, set.Path(n)); interp != "" {
			t.Errorf("%s is not static: it wants %s", n, interp)
		}
	}
	out, err := exec.CommandContext(t.Context(), set.Path(KubeProxy), "--version").CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "Kubernetes "+Version {
		t.Errorf("kube-proxy --version says %q (%v), want Kubernetes %s", got, err, Version)
	}
}

// interpreter is the dynamic loader that a program names, "" when it is static.
func interpreter(t *testing.T, path string) string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				t.Fatal(err)
			}
			return strings.TrimRight(string(b), "\x00")
		}
	}
	return ""
}
