package cli

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// What an engine on paper fails is left as a case that conformance takes, and in the records.
func TestFuzzOnPaper(t *testing.T) {
	open := func(model.Snapshot) (func(model.Flow) (model.Verdict, error), error) {
		return func(model.Flow) (model.Verdict, error) { return model.Allow, nil }, nil
	}
	dir := filepath.Join(t.TempDir(), "out")
	var stdout, stderr bytes.Buffer
	code := Main(t.Context(), []string{"fuzz", "--against", "paper", "--seed", "3", "--steps", "3", "--out", dir}, IO{Out: &stdout, Err: &stderr, Paper: open})
	if code != exitFail || !strings.Contains(stdout.String(), "FAIL: paper") {
		t.Fatalf("exit code %d\n%s%s", code, &stdout, &stderr)
	}
	var left v1.FuzzRun
	if whole, err := reports.Read(dir, &left); err != nil || !whole || left.Seed != 3 || len(left.Found) != 1 || !left.Found[0].Confirmed {
		t.Fatalf("%+v, %v", left, err)
	}
	if code, out, errs := run(t, "conformance", "--dry-run", "--cases", left.Found[0].File); code != 0 || !strings.Contains(out, left.Found[0].Name) {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
