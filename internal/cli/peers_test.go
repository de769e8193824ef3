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
	"github.com/netassay/netassay/engines/azurenpm"
	"github.com/netassay/netassay/engines/registry"
	v1 "github.com/netassay/netassay/reports/v1"
)

// peersEnv makes the test of other projects' engines run: it builds them, which takes
// many minutes the first time, and one of them needs three to start.
const peersEnv = "NETASSAY_TEST_PEERS"

// peerCases are cases that a peer passes: a deny, and what is open beside it; and, where they
// don't open it for a moment, an edit, a label, and kill -9 under a deny.
func peerCases(peer string) []string {
	cases := []string{"isolation-deny-ingress", "port-number"}
	if peer == azurenpm.Name {
		return cases
	}
	return append(cases, "update-policy", "label-client", "restart-engine-ingress")
}

// TestPeers runs each peer on a lab, by the program as users run it, through cases that it
// passes: it is built, it starts, it is waited for, it enforces, the report says which version
// it was, and the machine is as before. docs/peers.md has what the whole suite found.
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
			cases := peerCases(p.Name)
			cmd := exec.CommandContext(ctx, path, "conformance", "--engine", p.Name, "--ip-family", "ipv4",
				"--case", strings.Join(cases, ","), "--out", dir)
			cmd.Stdout, cmd.Stderr = &log, &log
			before := machine(t)
			err := cmd.Run()
			asBefore(t, before)
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
			if run.Count(v1.Pass) != len(cases) {
				t.Errorf("%d cases passed, want %d\n%s", run.Count(v1.Pass), len(cases), &log)
			}
		})
	}
}
