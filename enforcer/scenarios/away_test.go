package scenarios

import (
	"slices"
	"strings"
	"testing"
)

// TestScenario31PolicyDeletedWhileAway: the agent has ended, the API server is down, and a
// policy is deleted meanwhile. Before everything has been listed again nothing is touched;
// then the stale policy goes.
//
// Source: antrea#666.
//
// Level: agent between fake API server and simulated kernel.
//
// Lab: make chaos stops the API server for 60 s and restarts agents.
func TestScenario31PolicyDeletedWhileAway(t *testing.T) {
	s := with(t, world(), "x/p", closedX, "y/q", closedX)
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("policies in force", b.all(s, "z/a > x/a:80/TCP deny", "z/a > y/a:80/TCP deny"))
	b.Stop()
	b.API.Delete(s.Policies[0])
	b.API.Down(true)
	b.start()
	b.Until("it misses the API server", func() bool { return strings.Contains(b.Log.String(), "watch failing") })
	if !b.all(s, "z/a > x/a:80/TCP deny", "z/a > y/a:80/TCP deny")() {
		t.Error("something was touched before everything was listed")
	}
	b.API.Down(false)
	b.Until("stale policy gone", b.all(s, "z/a > x/a:80/TCP allow", "z/a > y/a:80/TCP deny"))
}

// TestScenario32APIServerAway: the API server is away while nothing changes. Verdicts stay,
// and its return costs a few lists, no storm.
//
// Source: outages of API servers (this project's own list).
//
// Level: agent between fake API server and simulated kernel, requests counted.
//
// Lab: make chaos stops the API server for 60 s.
func TestScenario32APIServerAway(t *testing.T) {
	s := with(t, world(), "x/p", closedX)
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("ready", b.Ready)
	resources := []string{"pods", "namespaces", "networkpolicies", "nodes"}
	b.API.Down(true)
	before := map[string]int{}
	for _, r := range resources {
		before[r] = b.API.Requests(r)
	}
	b.Until("everybody has tried again", func() bool {
		return !slices.ContainsFunc(resources, func(r string) bool { return b.API.Requests(r) < before[r]+2 })
	})
	if !b.all(s, "y/a > x/a:80/TCP deny", "x/a > y/a:80/TCP allow")() {
		t.Error("verdicts have changed")
	}
	away := 0
	for _, r := range resources {
		away += b.API.Requests(r) - before[r]
		before[r] = b.API.Requests(r)
	}
	b.Lock()
	writes := len(b.Kernel.Commands)
	b.Unlock()
	b.API.Down(false)
	b.API.Set(policy(t, "y/q", closedX))
	b.Until("it follows again", b.all(s, "x/a > y/a:80/TCP deny"))
	for _, r := range resources {
		if n := b.API.Requests(r) - before[r]; n > 10 {
			t.Errorf("%d requests for %s after the return", n, r)
		}
	}
	t.Logf("%d requests while away, %d commands before the return", away, writes)
}
