package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// watch plays netassay migrate watch on the lab, and gives its summary and exit code.
func watch(t *testing.T, args ...string) (v1.MigrationSummary, int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "out")
	cmd := exec.CommandContext(ctx, program(t), append([]string{"migrate", "watch", "--hold", "3s", "--nodes", "2", "--out", dir}, args...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v\n%s", err, &log)
	}
	text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	var sum v1.MigrationSummary
	if err := json.Unmarshal(text, &sum); err != nil {
		t.Fatal(err)
	}
	return sum, cmd.ProcessState.ExitCode(), log.String()
}

// An enforcer that is replaced by the same leaves no gap: its rules stay while it is away.
func TestMigrateWatchRolling(t *testing.T) {
	sum, code, log := watch(t, "--from", "reference", "--to", "reference", "--rolling")
	if code != 0 || sum.Verdict != v1.VerdictPass || sum.Leaked+sum.Lost > 0 || sum.Verdicts == 0 {
		t.Errorf("exit code %d, %+v\n%s", code, sum, log)
	}
}

// Where the rules go with the old engine, each node is open until the next is at work, and what
// has to pass passes all the time.
func TestMigrateWatchGap(t *testing.T) {
	const gap = 3 * time.Second
	sum, code, log := watch(t, "--from", "reference", "--to", "reference", "--purge", "--gap", gap.String())
	if code != 1 || sum.Verdict != v1.VerdictFail {
		t.Fatalf("exit code %d, %+v\n%s", code, sum, log)
	}
	for _, row := range sum.Rows {
		switch {
		case row.Policy == "" && row.LeakFrom != nil:
			t.Errorf("nothing is denied, and leaked: %+v", row)
		case row.Policy != "" && (row.LeakSeconds < gap.Seconds() || row.LeakSeconds > *row.LeakTo-*row.LeakFrom+0.001):
			t.Errorf("open for %.3f s, want %v at least: %+v", row.LeakSeconds, gap, row)
		}
	}
	if sum.LeakSeconds > sum.Seconds-2*3+1 {
		t.Errorf("open for %.1f s of %.1f s, of which 6 s were before and after the change\n%s", sum.LeakSeconds, sum.Seconds, log)
	}
}
