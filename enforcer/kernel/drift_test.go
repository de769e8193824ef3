package kernel_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// TestDriftIsFoundAndRepaired is scenario 11 of docs/scenarios.md.
func TestDriftIsFoundAndRepaired(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(w *world, s state)
		want   kernel.Drift
	}{
		{"jump deleted", func(w *world, _ state) { w.rules("-D FORWARD -j NPE-FWD") }, kernel.Drift{Jumps: 1}},
		{"chain flushed", func(w *world, _ state) { w.rules(":NPE-FWD - [0:0]") }, kernel.Drift{Chains: 1}},
		{"rule added", func(w *world, _ state) { w.rules("-I NPE-IN -j RETURN") }, kernel.Drift{Chains: 1}},
		{"foreign chain of our prefix", func(w *world, _ state) { w.rules(":NPE-odd - [0:0]") }, kernel.Drift{Chains: 1}},
		{"peers flushed", func(w *world, s state) { w.sets("flush " + s.set(w.t, "npe-p4")) }, kernel.Drift{Sets: 1}},
		{"peer added", func(w *world, s state) { w.sets("add " + s.set(w.t, "npe-p4") + " 10.66.0.1") }, kernel.Drift{Sets: 1}},
		{"isolation flushed", func(w *world, s state) { w.sets("flush " + s.set(w.t, "npe-i4")) }, kernel.Drift{Sets: 1}},
		{"block added to immutable set", func(w *world, s state) { w.sets("add " + s.set(w.t, "npe-b4") + " 10.66.0.0/16") }, kernel.Drift{Sets: 1}},
		{"foreign set of our prefix", func(w *world, _ state) { w.sets("create npe-odd hash:ip family inet") }, kernel.Drift{Sets: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onAll(t, func(w *world) {
				k, p := w.agent(), cluster([]string{"10.9.0.0/16"}, "10.0.1.2", "10.0.1.3")
				w.sync(k, p)
				before := w.state()
				if d := w.verify(k); d.Any() {
					w.t.Fatalf("drift before the damage: %+v", d)
				}
				tc.damage(w, before)
				if got := w.verify(k); got != tc.want {
					w.t.Errorf("drift = %+v, want %+v", got, tc.want)
				}
				w.sync(k, p)
				after := w.state()
				if diff := cmp.Diff(before.own(), after.own()); diff != "" {
					w.t.Errorf("names after the repair (-before +after):\n%s", diff)
				}
				if diff := cmp.Diff(before.Chains, after.Chains); diff != "" {
					w.t.Errorf("rules after the repair (-before +after):\n%s", diff)
				}
				if diff := cmp.Diff(contents(before), contents(after)); diff != "" {
					w.t.Errorf("sets after the repair (-before +after):\n%s", diff)
				}
				if d := w.verify(k); d.Any() {
					w.t.Errorf("drift after the repair: %+v", d)
				}
			})
		})
	}
}

// TestDriftBeforeTheFirstLook: a chain that was written, and that nobody has read yet, is known
// well enough to tell when another program changes it.
func TestDriftBeforeTheFirstLook(t *testing.T) {
	onAll(t, func(w *world) {
		k, p := w.agent(), cluster([]string{"10.9.0.0/16"}, "10.0.1.2")
		w.sync(k, cluster(nil, "10.0.1.2"))
		w.sync(k, p)
		written := w.state()
		for chain := range written.Chains {
			if strings.HasPrefix(chain, "NPE-") {
				w.rules("-I " + chain + " -j RETURN")
			}
		}
		if d := w.verify(k); d.Chains < 2 || d.Jumps+d.Sets > 0 {
			w.t.Errorf("drift %+v, want that of all chains", d)
		}
		w.sync(k, p)
		if diff := cmp.Diff(written.Chains, w.state().Chains); diff != "" {
			w.t.Errorf("rules after the repair (-before +after):\n%s", diff)
		}
	})
}

// contents are the members by the plan's name of a set.
func contents(s state) map[string][]string {
	out := map[string][]string{}
	for name, members := range s.Sets {
		logical, _, _ := strings.Cut(name, ".")
		out[logical] = members
	}
	return out
}

// TestForeignThingsStay is scenario 7.
func TestForeignThingsStay(t *testing.T) {
	onAll(t, func(w *world) {
		w.sets("create KUBE-X hash:net family inet", "add KUBE-X 10.0.0.0/8")
		w.rules(":KUBE-X - [0:0]", "-A KUBE-X -j RETURN", "-A FORWARD -j KUBE-X")
		k := w.agent()
		w.sync(k, cluster(nil, "10.0.1.2"))
		if d := w.verify(k); d.Any() {
			w.t.Errorf("foreign things count as drift: %+v", d)
		}
		w.cleanup(true)
		s := w.state()
		if s.Chains["KUBE-X"] != 1 || s.Chains["FORWARD"] != 1 || !slices.Equal(s.Sets["KUBE-X"], []string{"10.0.0.0/8"}) {
			w.t.Errorf("foreign things have changed: %+v", s)
		}
		if own := s.own(); len(own) > 0 {
			w.t.Errorf("clean-up left %v", own)
		}
	})
}

func (w *world) cleanup(ok bool) {
	w.t.Helper()
	if err := kernel.Cleanup(context.Background(), w.run, w.backend); (err == nil) != ok {
		w.t.Errorf("clean up: %v, want success=%v", err, ok)
	}
}

// TestForeignReferences is scenario 6: rules of others hold what we want to drop.
func TestForeignReferences(t *testing.T) {
	onAll(t, func(w *world) {
		w.sync(w.agent(), cluster([]string{"10.9.0.0/16"}, "10.0.1.2"))
		s := w.state()
		held := s.set(w.t, "npe-b4")
		var inChain string
		for name := range s.Chains {
			if strings.HasPrefix(name, "NPE-IN-") {
				inChain = name
			}
		}
		w.rules("-A FORWARD -m set --match-set "+held+" src -j RETURN", "-A OUTPUT -p tcp -j "+inChain)
		gone := plan.Compile(model.Snapshot{}, "n")
		k := w.agent()
		r := w.sync(k, gone)
		if r.Uncollected != 1 {
			w.t.Errorf("%d sets could not be collected, want the one that is held", r.Uncollected)
		}
		if s := w.state(); s.Chains[inChain] != 0 || s.Sets[held] == nil {
			w.t.Errorf("want chain %s there and empty and set %s there: %+v", inChain, held, s)
		}
		if r := w.sync(k, gone); r.Uncollected != 1 || r.ChainWrites != 0 {
			w.t.Errorf("the next sync: %+v", r)
		}
		w.cleanup(false)
		w.rules("-D FORWARD -m set --match-set "+held+" src -j RETURN", "-D OUTPUT -p tcp -j "+inChain)
		again := w.agent()
		if r := w.sync(again, gone); r.Uncollected != 0 {
			w.t.Errorf("set %s is still held", held)
		}
		wantOwn(w, gone)
	})
}
