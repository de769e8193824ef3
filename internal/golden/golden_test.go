package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// told keeps what a test would have failed with.
type told struct {
	testing.TB
	errors []string
}

func (*told) Helper() {}

func (t *told) Errorf(_ string, args ...any) { t.errors = append(t.errors, args[0].(string)) }

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "golden.txt")
	defer func(was bool) { *update = was }(*update)
	*update = true
	Check(t, path, "one\n")
	*update = false
	Check(t, path, []byte("one\n"))
	other := &told{TB: t}
	Check(other, path, "two\n")
	if len(other.errors) != 1 || !strings.Contains(other.errors[0], path) {
		t.Errorf("another text: %q, want one error that names %s", other.errors, path)
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != "one\n" {
		t.Errorf("without -update the file holds %q (%v)", kept, err)
	}
}
