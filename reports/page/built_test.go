package page

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// need is the path of a program, without which a test is skipped, or fails in CI.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%v: make test installs it", err)
	}
	if err != nil {
		t.Skipf("%v: make test installs it", err)
	}
	return path
}

// workshop is a directory in which npm has built the page, and where its modules are; it is made
// once for all tests, and removed by TestMain.
var workshop = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "netassay-page-")
	if err != nil {
		return "", err
	}
	build := exec.Command("../../hack/page.sh", dir, filepath.Join(dir, "out"))
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return dir, build.Run()
})

var workshopUsed bool

// built is the workshop, for tests that need it.
func built(t *testing.T) string {
	t.Helper()
	need(t, "npm")
	workshopUsed = true
	dir, err := workshop()
	if err != nil {
		t.Fatalf("build the page: %v", err)
	}
	return dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if workshopUsed {
		dir, _ := workshop()
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// What is committed is what npm builds.
func TestBuiltIsCurrent(t *testing.T) {
	dir := filepath.Join(built(t), "out")
	for _, name := range []string{"page.js", "page.css"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("built", name))
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(want, got) {
			t.Errorf("built/%s is not what reports/page/web makes: run make page, and commit what it writes", name)
		}
	}
}
