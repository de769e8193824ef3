package binaries

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// smallModule is a module of this project's name with one program that prints text.
func smallModule(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "cmd", "probe"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+ownModule+"\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "cmd"))
	writeProgram(t, text)
}

func writeProgram(t *testing.T, text string) {
	t.Helper()
	src := fmt.Sprintf("package main\n\nimport _ \"net\"\n\nfunc main() { print(%q) }\n", text)
	if err := os.WriteFile(filepath.Join("probe", "main.go"), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
}

func says(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), path).CombinedOutput()
	if err != nil {
		t.Fatalf("run %s: %v", path, err)
	}
	return string(out)
}

func TestOwnFollowsTheSources(t *testing.T) {
	t.Setenv("NETASSAY_CACHE", t.TempDir())
	t.Setenv("CGO_ENABLED", "1") // Own must be static all the same
	smallModule(t, "one")
	path := own(t)
	if got := says(t, path); got != "one" {
		t.Errorf("says %q, want one", got)
	}
	if interp := interpreter(t, path); interp != "" {
		t.Errorf("not static: wants %s", interp)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(own(t)); err != nil || !os.SameFile(before, after) {
		t.Errorf("rebuilt though nothing changed (%v)", err)
	}
	writeProgram(t, "two")
	if got := says(t, own(t)); got != "two" {
		t.Errorf("after a change says %q, want two", got)
	}
}

func TestOwnDoesNotTrustHalfAFile(t *testing.T) {
	t.Setenv("NETASSAY_CACHE", t.TempDir())
	smallModule(t, "whole")
	path := own(t)
	// What a killed build can leave: the staged file new, and only half there.
	staged := filepath.Join(filepath.Dir(path), "stage", "probe")
	whole, err := os.ReadFile(staged)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(staged); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(staged, whole[:len(whole)/2], 0o755); err != nil {
		t.Fatal(err)
	}
	if got := says(t, own(t)); got != "whole" {
		t.Errorf("says %q, want whole", got)
	}
}

func TestOwnTwoAtOnce(t *testing.T) {
	t.Setenv("NETASSAY_CACHE", t.TempDir())
	smallModule(t, "both")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			path, err := Own(t.Context(), "probe")
			if err != nil {
				t.Errorf("own: %v", err)
				return
			}
			if out, err := exec.CommandContext(t.Context(), path).CombinedOutput(); err != nil || string(out) != "both" {
				t.Errorf("says %q (%v), want both", out, err)
			}
		})
	}
	wg.Wait()
}

func TestOwnErrors(t *testing.T) {
	if _, err := Own(t.Context(), "prober"); err == nil || !strings.Contains(err.Error(), "valid are netassay, enforcer, probe") {
		t.Errorf("unknown name: %v", err)
	}
	newFakeGo(t, `echo 'x.go:1: broken' >&2; exit 1`)
	if _, err := Own(t.Context(), "probe"); err == nil || !strings.Contains(err.Error(), "x.go:1: broken") {
		t.Errorf("broken sources: %v", err)
	}
}

func own(t *testing.T) string {
	t.Helper()
	path, err := Own(t.Context(), "probe")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The module of a user takes this project from somewhere: what it says of vendoring, or of
// a workspace, is about its own packages.
func TestOwnInTheModuleOfAUser(t *testing.T) {
	for _, tc := range []struct {
		name  string
		mod   string            // of the user
		files map[string]string // of the user, besides
		env   map[string]string
		want  string // part of the error; none when empty
	}{
		{name: "replaced", mod: "require " + ownModule + " v0.0.0\nreplace " + ownModule + " => OURS"},
		{
			name: "vendored", mod: "require " + ownModule + " v0.0.0\nreplace " + ownModule + " => OURS",
			files: map[string]string{"vendor/modules.txt": "# nothing that is used\n"}, env: map[string]string{"GOFLAGS": "-mod=vendor"},
		},
		{name: "in a workspace", files: map[string]string{"go.work": "go 1.26\nuse (\n\t.\n\tOURS\n)\n"}},
		{name: "not required", want: "does not require " + ownModule},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("NETASSAY_CACHE", t.TempDir())
			t.Setenv("GOWORK", "")
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			smallModule(t, "ours")
			cwd, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			user := writeTree(t, map[string]string{"go.mod": "module example.test/user\n\ngo 1.26\n\n" + tc.mod + "\n"}, tc.files, filepath.Dir(cwd))
			t.Chdir(user)
			path, err := Own(t.Context(), "probe")
			switch {
			case tc.want != "":
				if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %v, want one line with %q", err, tc.want)
				}
			case err != nil:
				t.Error(err)
			case says(t, path) != "ours":
				t.Errorf("says %q, want ours", says(t, path))
			}
		})
	}
}

// writeTree writes files, where OURS is replaced, to a new directory.
func writeTree(t *testing.T, files, more map[string]string, ours string) string {
	t.Helper()
	dir := t.TempDir()
	maps.Copy(files, more)
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "OURS", ours)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
