package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines/registry"
	v1 "github.com/netassay/netassay/reports/v1"
)

// peersEnv makes the test of other projects' engines run: it builds them, which takes
// many minutes the first time, and one of them needs three to start.
const peersEnv = "NETASSAY_TEST_PEERS"

// TestPeers runs each peer on a lab, by the program as users run it, through two cases
// that all of them pass: it is built, it starts, it is waited for, it enforces, and the
// report says which version it was. docs/peers.md has what the whole suite found.
func TestPeers(t *testing.T) {
	if os.Getenv(peersEnv) == "" {
		t.Skipf("%s is not set: run make test-peers (builds other projects' programs, many minutes)", peersEnv)
	}
	path := program(t)
	for _, p := range binaries.Peers() {
		if _, err := registry.Judged(p.Name); err != nil {
			continue // for scale only, as it says
		}
		t.Run(p.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			dir := filepath.Join(t.TempDir(), "out")
			var log bytes.Buffer
			cmd := exec.CommandContext(ctx, path, "conformance", "--engine", p.Name, "--ip-family", "ipv4",
				"--case", "isolation-deny-ingress", "--case", "port-number", "--out", dir)
			cmd.Stdout, cmd.Stderr = &log, &log
			err := cmd.Run()
			if strings.Contains(log.String(), "this kernel can't") && os.Getenv("CI") != "true" {
				t.Skipf("%v\n%s", err, &log)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, &log)
			}
			text, err := os.ReadFile(filepath.Join(dir, "run.json"))
			if err != nil {
				t.Fatal(err)
			}
			var run v1.Run
			if err := json.Unmarshal(text, &run); err != nil {
				t.Fatal(err)
			}
			if run.Engine != p.Name || run.EngineVersion != p.Known() {
				t.Errorf("the report is of %s %s, want %s %s", run.Engine, run.EngineVersion, p.Name, p.Known())
			}
			if run.Count(v1.Pass) != 2 {
				t.Errorf("%d cases passed, want 2\n%s", run.Count(v1.Pass), &log)
			}
		})
	}
}
