package binaries

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// limit bounds every wait of these tests; none comes near it unless something is broken.
const limit = 20 * time.Second

// helperEnv makes the test binary call Ensure for the named program and end, so that a
// test can kill a whole process in the middle of a build.
const helperEnv = "NETASSAY_TEST_ENSURE"

func TestMain(m *testing.M) {
	if want := os.Getenv(helperEnv); want != "" {
		if _, err := Ensure(context.Background(), Options{Want: []Name{Name(want)}, Progress: os.Stderr}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A fakeGo is a directory with a go command that does what a test says.
type fakeGo struct {
	dir string
}

// newFakeGo puts a go command whose body is script first in PATH and gives the test an
// empty cache. The script sees the path after -o as $out, the package as $pkg, and
// fakeGo's directory as $state; each call appends its package to $state/calls.
func newFakeGo(t *testing.T, script string) fakeGo {
	t.Helper()
	f := fakeGo{dir: t.TempDir()}
	f.set(t, script)
	t.Setenv("PATH", f.dir+":"+os.Getenv("PATH"))
	t.Setenv("NETASSAY_CACHE", t.TempDir())
	t.Setenv("KUBEBUILDER_ASSETS", "")
	return f
}

// set replaces the script.
func (f fakeGo) set(t *testing.T, script string) {
	t.Helper()
	text := "#!/bin/sh\nstate=" + f.dir + `
while [ $# -gt 1 ]; do
  [ "$1" = -o ] && out=$2
  shift
done
pkg=$1
echo "$pkg" >>"$state/calls"
` + script
	temp := filepath.Join(f.dir, "go.new")
	if err := os.WriteFile(temp, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(f.dir, "go")); err != nil {
		t.Fatal(err)
	}
}

// calls are the packages that were built, in order.
func (f fakeGo) calls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// Scripts of fake go commands.
const (
	goWorks = `printf 'program of %s' "$pkg" >"$out"; chmod +x "$out"` + "\n"
	// goHangs leaves half a file, says so, and waits for ever in a child.
	goHangs = `printf half >"$out"; chmod +x "$out"
tail -f /dev/null &
echo $! >"$state/child.new"; mv "$state/child.new" "$state/child"
wait
`
	// goWaits is goWorks as soon as someone has written to the pipe $state/go-on.
	goWaits = `: >"$state/started"
cat "$state/go-on" >/dev/null
` + goWorks
)

// waitFor polls until ok, and fails the test when that takes longer than limit.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", limit, what)
		}
		<-tick.C
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ended reports whether the process whose id is in file has ended.
func ended(t *testing.T, file string) bool {
	t.Helper()
	var pid int
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	if unix.Kill(pid, 0) == unix.ESRCH {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// A logWriter is a writer that may be read while it is written.
type logWriter struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logWriter) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
