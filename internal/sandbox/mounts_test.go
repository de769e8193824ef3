package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/internal/sandbox"
)

// What is mounted there is seen by what is started there, and by nobody else.
func TestMounting(t *testing.T) {
	sandbox.Require(t)
	dir := t.TempDir()
	seen, cover := filepath.Join(dir, "seen"), filepath.Join(dir, "cover")
	for path, text := range map[string]string{seen: "the machine's", cover: "its own"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := sandbox.Mounting(func() error {
		if err := unix.Mount(cover, seen, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		out, err := exec.Command("cat", seen).Output()
		if string(out) != "its own" {
			t.Errorf("a process that was started there reads %q", out)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(seen); string(text) != "the machine's" {
		t.Errorf("outside it reads %q, %v", text, err)
	}
}
