package scenarios

import (
	"context"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/kernel"
)

// TestScenario30StartOnAnEmptyKernel: after a reboot nothing is in the kernel. Until the
// first sync everything is open, which only the boot guard can close; but the first sync
// itself goes from open to closed in one commit: no pod loses a flow that its policies
// allow, and what they deny stops at once.
//
// Source: antrea#3468.
//
// Level: simulated kernel, every step of the first sync.
//
// Lab: not on the lab: its nodes are network namespaces, which don't restart. A node that restarts, and how often a stranger connects before the policy holds again, is recorded on kind by suites/kindtest.
func TestScenario30StartOnAnEmptyKernel(t *testing.T) {
	s, _ := edit(t)
	n := newNode(t, "n1")
	probes := all(s)
	w := n.watch(s, probes...)
	closed := 0
	for _, f := range probes {
		if !w.before[f] {
			t.Fatalf("%s is closed on an empty kernel", f)
		}
		if !w.now[f] {
			closed++
		}
	}
	n.sync(s)
	if w.steps == 0 || closed == 0 {
		t.Errorf("%d steps, %d flows closed: nothing was tested", w.steps, closed)
	}
}

// TestScenario38OneWriter: an event storm, with both families changing at once. Commands
// never overlap, and every set that is being filled has a name of its own.
//
// Source: kr#1732, kr#1081.
//
// Level: simulated kernel behind a Runner that looks for overlaps; the agent between both is part of scenario 34.
//
// Lab: make chaos runs both families at once.
func TestScenario38OneWriter(t *testing.T) {
	n := newNode(t, "n1")
	busy := make(chan struct{}, 1)
	n.kernel = kernel.New(kernel.Options{Runner: runnerFunc(func(ctx context.Context, c kernel.Command) ([]byte, error) {
		select {
		case busy <- struct{}{}:
			defer func() { <-busy }()
		default:
			t.Error("two commands at once")
		}
		return n.fake.Run(ctx, c)
	})})
	from, to := edit(t)
	filling := map[string]bool{}
	n.fake.Step = func(text string) error {
		words := strings.Fields(text)
		switch words[0] {
		case "create":
			if filling[words[1]] {
				t.Errorf("%s is created twice", words[1])
			}
			filling[words[1]] = true
		case "rename":
			delete(filling, words[1])
		}
		return nil
	}
	for range rounds(50) {
		n.sync(to)
		n.sync(from)
	}
	if len(filling) > 0 {
		t.Errorf("left behind: %v", filling)
	}
	n.clean(from)
}

type runnerFunc func(context.Context, kernel.Command) ([]byte, error)

func (f runnerFunc) Run(ctx context.Context, c kernel.Command) ([]byte, error) { return f(ctx, c) }
