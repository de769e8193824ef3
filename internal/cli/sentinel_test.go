package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// inNodes runs a command in the network namespace of each node of a lab, whose enforcers
// carry the mark.
func inNodes(t *testing.T, mark string, argv ...string) (nodes int) {
	t.Helper()
	for _, environ := range strays(t, mark) {
		dir := filepath.Dir(environ)
		if comm, err := os.ReadFile(filepath.Join(dir, "comm")); err != nil || string(comm) != "enforcer\n" {
			continue
		}
		enter := []string{"--net", "--target", filepath.Base(dir)}
		if os.Geteuid() != 0 {
			enter = append([]string{"--user", "--preserve-credentials"}, enter...)
		}
		if out, err := exec.CommandContext(t.Context(), "nsenter", append(enter, argv...)...).CombinedOutput(); err != nil {
			t.Logf("%s: %v %s", argv, err, out) // the lab may be going down
			continue
		}
		nodes++
	}
	return nodes
}

// hole opens UDP port 80 to everybody, in one node of a lab after another, for as long as it
// takes to start iptables once: some milliseconds. It reports whether it was open anywhere.
func hole(t *testing.T, mark string) bool {
	t.Helper()
	rule := func(verb string) string {
		return "iptables -w -t mangle " + verb + " FORWARD -p udp --dport 80 -j ACCEPT"
	}
	return inNodes(t, mark, "sh", "-c", rule("-I")+"; "+rule("-D")) > 0
}

// An engine that is open for a few milliseconds fails the run, though no case notices.
func TestSentinelsSeeAHoleOfMilliseconds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "out")
	mark := "NETASSAY_TEST_MARK=" + dir
	cmd := exec.CommandContext(ctx, program(t), "conformance", "--out", dir, "--case", "peer-pod-selector")
	cmd.Env = append(os.Environ(), mark)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the exit code is looked at below
	}()
	type span struct{ from, to time.Time }
	var open []span
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-tick.C:
			if _, err := os.Stat(filepath.Join(dir, reports.RecordsFile)); err != nil {
				continue // the engine is not up: it would see the rule, and say that it isn't ready
			}
			if from := time.Now(); hole(t, mark) {
				open = append(open, span{from, time.Now()})
			}
		case <-ended:
			over = true
		}
	}
	var run v1.Run
	if _, err := reports.Read(dir, &run); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	s := run.Sentinel
	if code := cmd.ProcessState.ExitCode(); code != 1 || run.Count(v1.Pass) != 1 || s == nil || s.Kind != v1.Leak || len(s.Findings) == 0 {
		t.Fatalf("exit code %d, %d holes:\n%s", code, len(open), &out)
	}
	for _, f := range s.Findings {
		known := false
		for _, h := range open {
			known = known || f.At.After(h.from) && f.At.Before(h.to)
		}
		if !known || !strings.Contains(f.Flow, "stranger → server IPv4") {
			t.Errorf("found %+v, opened %v", f, open)
		}
	}
	for _, want := range []string{"== sentinels: Fail", "leaked of stranger → server IPv4", `<testcase classname="netassay.reference" name="sentinels"`} {
		junit, _ := os.ReadFile(filepath.Join(dir, "junit.xml"))
		if !strings.Contains(out.String()+string(junit), want) {
			t.Errorf("nothing says %q:\n%s", want, &out)
		}
	}
}
