package binaries

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// goFetches is a go command whose mod download gives $state/source as the module with
// that sum, and which builds in a copy of it only.
func goFetches(sum string) string {
	return fmt.Sprintf(`case "$pkg" in
*@*) printf '{"Dir":"%%s/source","Sum":"%s"}' "$state"; exit 0;;
esac
[ -e main.go ] && [ "$PWD" != "$state/source" ] || { echo "not in a copy of the module" >&2; exit 1; }
`, sum) + goWorks
}

func newPeerGo(t *testing.T, script string) fakeGo {
	t.Helper()
	fake := newFakeGo(t, script)
	if err := os.Mkdir(filepath.Join(fake.dir, "source"), 0o755); err != nil {
		t.Fatal(err)
	}
	// As in the module cache, nothing can be written.
	if err := os.WriteFile(filepath.Join(fake.dir, "source", "main.go"), []byte("package main"), 0o444); err != nil {
		t.Fatal(err)
	}
	return fake
}

func kubeRouter(t *testing.T) Peer {
	t.Helper()
	p, ok := LookupPeer("kube-router")
	if !ok {
		t.Fatal("kube-router is unknown")
	}
	return p
}

func TestPeerIsBuiltOnce(t *testing.T) {
	p := kubeRouter(t)
	fake := newPeerGo(t, goFetches(p.Sum))
	var progress logWriter
	for range 2 {
		path, err := Finder(&progress)(t.Context(), p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != "program of "+p.Package {
			t.Errorf("it holds %q", got)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), tempPrefix+"*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if diff := cmp.Diff([]string{p.Path + "@" + p.Version, p.Package}, fake.calls(t)); diff != "" {
		t.Errorf("calls of go (-want +got):\n%s", diff)
	}
	for _, say := range []string{"building kube-router v1.6.1", "some minutes", "built kube-router"} {
		if !strings.Contains(progress.String(), say) {
			t.Errorf("progress does not say %q:\n%s", say, &progress)
		}
	}
}

func TestPeerErrorsNameTheCure(t *testing.T) {
	p := kubeRouter(t)
	for _, tc := range []struct {
		name, script string
		says         []string
	}{
		{"another content", goFetches("h1:other"), []string{"has sum h1:other", "want " + p.Sum, "GOPROXY"}},
		{
			"no network", `printf '{"Error":"a.b/c@v1: Get \\"https://proxy\\": dial tcp: lookup proxy: no such host"}'; exit 1`,
			[]string{"can't be reached", "no such host", "GOPROXY"},
		},
		{"no such version", `printf '{"Error":"a.b/c@v1: unknown revision v1"}'; exit 1`, []string{"unknown revision"}},
		{"does not say why", `echo 'x.go:3: broken' >&2; exit 2`, []string{"exit status 2", "x.go:3: broken"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			newPeerGo(t, tc.script)
			_, err := Finder(nil)(t.Context(), p.Name)
			if err == nil {
				t.Fatal("found")
			}
			if strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("more than one line: %s", err)
			}
			for _, say := range append(tc.says, "build kube-router") {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("error does not say %q: %s", say, err)
				}
			}
			if strings.Contains(err.Error(), "KUBEBUILDER_ASSETS") {
				t.Errorf("a cure that does not help: %s", err)
			}
		})
	}
}

// The directory of the cache changes with what goes into the build, and with nothing else.
func TestPeerKeys(t *testing.T) {
	seen := map[string]string{}
	note := func(what string, p Peer) {
		if was, ok := seen[p.key()]; ok {
			t.Errorf("%s has the key of %s", what, was)
		}
		seen[p.key()] = what
	}
	first := Peers()
	for i, p := range Peers() {
		note(p.Name, p)
		if got := first[i].key(); got != p.key() {
			t.Errorf("%s has two keys: %s, %s", p.Name, got, p.key())
		}
	}
	p := kubeRouter(t)
	p.Sum = "h1:other"
	note("another sum", p)
	p = kubeRouter(t)
	p.Stamp = ""
	note("another stamp", p)
	p = kubeRouter(t)
	p.Swap = &Swap{File: "a", With: []byte("1")}
	note("a file swapped", p)
	p.Swap = &Swap{File: "a", With: []byte("2")}
	note("swapped by another", p)
	p = kubeRouter(t)
	p.Edits = []string{"-require=a.b/c@v1"}
	note("an edit", p)
	p.Sums = []string{"a.b/c v1 h1:x"}
	note("a sum of it", p)
	p.Keep = []string{"crds"}
	note("something kept", p)
	p.Tags = "osusergo"
	note("a tag", p)
	p.Beside = []Beside{{Name: "plugin", Package: "./plugin"}}
	note("another program", p)
}

// A program with a file swapped is built from its own module, with a copy of the dependency
// in which that file alone is another.
func TestPeerWithASwappedFile(t *testing.T) {
	p := kubeRouter(t)
	p.Swap = &Swap{module: module{Path: "a.b/dependency", Version: "v2", Sum: p.Sum}, File: "sub/queue.go", With: []byte("ours")}
	fake := newPeerGo(t, goFetches(p.Sum)+`cp -R . "$state/built"`)
	for file, text := range map[string]string{"go.mod": "module m", "sub/queue.go": "theirs", "sub/other.go": "theirs"} {
		path := filepath.Join(fake.dir, "source", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.ensure(t.Context(), newProgress(nil)); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"go.mod":                "module m\nreplace a.b/dependency => ./_swapped\n",
		"sub/queue.go":          "theirs",
		"_swapped/sub/queue.go": "ours",
		"_swapped/sub/other.go": "theirs",
	} {
		if got := content(t, filepath.Join(fake.dir, "built", file)); got != want {
			t.Errorf("%s holds %q, want %q", file, got, want)
		}
	}
	if diff := cmp.Diff([]string{p.Path + "@" + p.Version, "a.b/dependency@v2", p.Package}, fake.calls(t)); diff != "" {
		t.Errorf("calls of go (-want +got):\n%s", diff)
	}
}

// What stands beside a program is built before it, of the same copy of the module: where the
// program is, all is.
func TestPeerWithAnotherProgramBeside(t *testing.T) {
	p := kubeRouter(t)
	p.Tags, p.Beside = "osusergo", []Beside{{Name: "plugin", Package: "./plugins/plugin"}}
	fake := newPeerGo(t, goFetches(p.Sum))
	path, err := p.ensure(t.Context(), newProgress(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, filepath.Join(filepath.Dir(path), "plugin")); got != "program of ./plugins/plugin" {
		t.Errorf("the plugin holds %q", got)
	}
	if diff := cmp.Diff([]string{p.Path + "@" + p.Version, "./plugins/plugin", p.Package}, fake.calls(t)); diff != "" {
		t.Errorf("calls of go (-want +got):\n%s", diff)
	}
	if !slices.Contains(p.flags(), "-tags=osusergo") {
		t.Errorf("flags %q", p.flags())
	}
}

// A module whose go.mod can't be resolved is built with another, pinned; what stays beside the
// program is what the module has, whatever a build that was killed has left there.
func TestPeerWithEditsAndThingsToKeep(t *testing.T) {
	p := kubeRouter(t)
	p.Edits, p.Sums, p.Keep = []string{"-require=a.b/c@v1"}, []string{"a.b/c v1 h1:x"}, []string{"config/crd"}
	fake := newPeerGo(t, `[ "$pkg" != go.mod ] || { echo "edited" >>go.mod; exit 0; }
`+goFetches(p.Sum)+`cp go.mod go.sum "$state/"`)
	for file, text := range map[string]string{"go.mod": "module m\n", "go.sum": "d v1 h1:y\n", "config/crd/a.yaml": "kind: A\n"} {
		path := filepath.Join(fake.dir, "source", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := CacheDir("", "peers", p.key())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "crd", "of-a-killed-build"), 0o755); err != nil {
		t.Fatal(err)
	}
	path, err := p.ensure(t.Context(), newProgress(nil))
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		filepath.Join(fake.dir, "go.mod"):                  "module m\nedited\n",
		filepath.Join(fake.dir, "go.sum"):                  "d v1 h1:y\na.b/c v1 h1:x\n",
		filepath.Join(filepath.Dir(path), "crd", "a.yaml"): "kind: A\n",
	} {
		if got := content(t, file); got != want {
			t.Errorf("%s holds %q, want %q", file, got, want)
		}
	}
	if exists(filepath.Join(dir, "crd", "of-a-killed-build")) {
		t.Error("what a killed build has left is still there")
	}
}
