package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/netassay/netassay/engines/cilium"
)

// TestPeerKilled kills a run in the midst of an engine that pins its programs and maps in a file
// system: all of it was the run's own, and goes with it. The kernel takes a moment to free them.
func TestPeerKilled(t *testing.T) {
	if os.Getenv(peersEnv) == "" {
		t.Skipf("%s is not set: run make test-peers", peersEnv)
	}
	if problems := cilium.Preflight(); len(problems) > 0 && os.Getenv("CI") != "true" {
		t.Skipf("%v", problems)
	}
	before := machine(t)
	dir := filepath.Join(t.TempDir(), "out")
	mark := "NETASSAY_TEST_MARK=" + dir
	cmd := exec.CommandContext(t.Context(), program(t), "conformance", "--engine", cilium.Name, "--out", dir, "--case", "isolation-*")
	cmd.Env = append(os.Environ(), mark)
	var errs seen
	cmd.Stderr = &errs
	errs.want, errs.found = " 1/", make(chan struct{})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	select {
	case <-errs.found:
	case <-ended:
		t.Fatalf("ended before a case had: %v\n%s", cmd.ProcessState, errs.text.String())
	case <-time.After(time.Hour): // it may have to be built
		_ = cmd.Process.Kill()
		t.Fatalf("no case ended:\n%s", errs.text.String())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	awaitNoStrays(t, mark)
	asBefore(t, before)
}
