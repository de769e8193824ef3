package nodeimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeDocker puts a docker command first in PATH that keeps the images which it loads in a
// directory, as a file each, and writes down how it was called.
func fakeDocker(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	program(t, filepath.Join(dir, "docker"), `#!/bin/sh
state=`+dir+`
echo "$1 $2" >>"$state/calls"
[ -e "$state/down" ] && { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
case "$1 $2" in
"image ls") [ ! -e "$state/loaded" ] || echo sha256:1 ;;
"load --quiet") [ -s "$4" ] && cp "$4" "$state/loaded" ;;
*) exit 2 ;;
esac
`)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

func program(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func calls(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), ", ")
}

// An archive in the cache is loaded, once; after that there is nothing to do but ask.
func TestEnsureLoadsWhatIsInTheCacheOnce(t *testing.T) {
	docker := fakeDocker(t)
	cache := t.TempDir()
	program(t, filepath.Join(must(cacheFolder(cache))(t), filepath.Base(Archived(""))), "the image")
	first, err := Ensure(t.Context(), Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	if first.Built || !first.Loaded || first.Ref != Ref() || len(first.Parts) != 1 {
		t.Errorf("first: %+v, want loaded and not built", first)
	}
	second, err := Ensure(t.Context(), Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	if second.Built || second.Loaded || second.Ref != first.Ref || len(second.Parts) != 0 {
		t.Errorf("second: %+v, want nothing done", second)
	}
	if diff := cmp.Diff("image ls, image ls, load --quiet, image ls", calls(t, docker)); diff != "" {
		t.Errorf("calls of docker (-want +got):\n%s", diff)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestEnsureNamesTheCureWithoutDocker(t *testing.T) {
	docker := fakeDocker(t)
	program(t, filepath.Join(docker, "down"), "")
	_, err := Ensure(t.Context(), Options{CacheDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "make docker-up") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want a line that names make docker-up", err)
	}
}

// A build that fails, as this one does for want of a go command, leaves nothing that counts,
// and takes away what a killed one has left.
func TestFailedBuildLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root builds node images")
	}
	docker := fakeDocker(t)
	t.Setenv("PATH", docker+":/bin")
	program(t, filepath.Join(docker, "go"), "#!/bin/sh\necho broken >&2; exit 1\n")
	cache := t.TempDir()
	left := filepath.Join(must(cacheFolder(cache))(t), "work-killed", "root")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	img, err := Ensure(t.Context(), Options{CacheDir: cache})
	if err == nil || !strings.Contains(err.Error(), compile) {
		t.Fatalf("got %+v, %v, want a failure to compile", img, err)
	}
	files, err := filepath.Glob(filepath.Join(cache, "nodeimage", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(cache, "nodeimage", "lock")}, files); diff != "" {
		t.Errorf("in the cache (-want +got):\n%s", diff)
	}
}

func TestEnsureEndsWithContext(t *testing.T) {
	fakeDocker(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Ensure(ctx, Options{CacheDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestHash(t *testing.T) {
	tag := regexp.MustCompile(`^netassay/node:[0-9a-f]{12}$`)
	if ref := Ref(); !tag.MatchString(ref) || ref != Ref() {
		t.Errorf("reference is %s, then %s", ref, Ref())
	}
	if baseHash() == Hash() {
		t.Error("the Debian system has the hash of the image")
	}
}

// Every source that says what is done to the image must be part of the hash: all but those
// that only order, cache, name and hand over what the others do, and what refuses on other systems.
func TestHashCoversTheSteps(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var others []string
	for _, f := range files {
		if _, err := steps.ReadFile(f); err != nil && !strings.HasSuffix(f, "_test.go") {
			others = append(others, f)
		}
	}
	want := []string{"archive.go", "doc.go", "docker.go", "ensure.go", "preload_other.go", "recipe.go"}
	if diff := cmp.Diff(want, others); diff != "" {
		t.Errorf("not in the hash (-want +got):\n%s", diff)
	}
}

func TestPublishedIsPinned(t *testing.T) {
	if !regexp.MustCompile(`^kindest/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}$`).MatchString(Published) {
		t.Errorf("published image %q is not pinned by digest", Published)
	}
}
