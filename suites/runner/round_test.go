package runner

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
)

// onePort is a case that probes one port of pods.
func onePort() cases.Case {
	return cases.Case{Probes: []cases.Probe{{Port: 80, Protocol: corev1.ProtocolTCP}}, Paths: []cases.Path{cases.PathPod}}
}

// newWatch watches every cell of one port in the set, as a step does that holds for this long.
func newWatch(a *fixtureSet, hold time.Duration) *watch {
	w := a.newWatch(wants(onePort(), -1, a.Families()), func(cases.Cell) model.Verdict { return "" }, hold)
	return &w
}

// newDeniedSet is a fixture set whose engine denies all but nodes.
func newDeniedSet(t *testing.T, w *world) *fixtureSet {
	t.Helper()
	w.verdict = func(f model.Flow) model.Verdict {
		if isNode(f.Client) {
			return model.Allow
		}
		return model.Deny
	}
	cfg, err := w.config(loadCases(t, "isolation-none")...).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(cfg)
	if _, _, err := s.survey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.startControls(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	a, err := s.newFixtureSet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Every negative observation has both its controls, whatever cells a round is over: both
// ends, in the family of the cell.
func TestEveryRoundHasItsControls(t *testing.T) {
	tests := []struct {
		name string
		in   func(cases.Cell) bool
	}{
		{"all cells", func(cases.Cell) bool { return true }},
		{"one cell", func(k cases.Cell) bool {
			return k.Client == "x/a" && k.Server == "z/b" && k.Family == model.IPv6
		}},
		{"a client that is a server in the other family only", func(k cases.Cell) bool {
			return (k.Client == "x/a" && k.Server == "x/b" && k.Family == model.IPv4) ||
				(k.Client == "x/b" && k.Server == "x/a" && k.Family == model.IPv6)
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, world *world) {
				w := newWatch(newDeniedSet(t, world), time.Second)
				var cells []*cell
				for _, c := range w.cells {
					if tc.in(c.key) {
						cells = append(cells, c)
					}
				}
				w.launch(t.Context(), world.now(), newRound(cells), cells)
				w.drain(t.Context())
				checkControls(t, cells, 1)
			})
		})
	}
}

// Each slice of a sweep has controls of its own: what was alive a slice ago proves nothing.
func TestEverySliceHasItsControls(t *testing.T) {
	inWorld(t, func(t *testing.T, world *world) {
		w := newWatch(newDeniedSet(t, world), time.Second)
		for _, slice := range newSweep(w.cells).slices {
			w.launch(t.Context(), world.now(), newRound(slice), slice)
			w.drain(t.Context())
			checkControls(t, slice, 1)
		}
	})
}

// Silence through a Service says something only where the client's own node has a kube-proxy
// at work, whatever the server's node says.
func TestServiceNeedsTheClientsNode(t *testing.T) {
	inWorld(t, func(t *testing.T, world *world) {
		a := newDeniedSet(t, world)
		world.proxyless = "n2"
		c := onePort()
		c.Paths = []cases.Path{cases.PathPod, cases.PathService}
		w := a.newWatch(wants(c, -1, a.Families()), func(cases.Cell) model.Verdict { return "" }, time.Second)
		w.launch(t.Context(), world.now(), newRound(w.cells), w.cells)
		w.drain(t.Context())
		for _, c := range w.cells {
			want := c.key.Path == cases.PathPod || a.pod(c.key.Client).node != "node/2"
			if got := c.judge.Observations[0].Client == judge.ControlLive; got != want {
				t.Errorf("%+v: client control live: %t, want %t", c.key, got, want)
			}
		}
	})
}

// A baseline, by which nobody is judged, asks for no proof of what answers. What does not
// answer is looked at again, with controls.
func TestABaselineLooksBeforeItAsks(t *testing.T) {
	inWorld(t, func(t *testing.T, world *world) {
		a := newDeniedSet(t, world)
		denied := newWatch(a, 0)
		denied.launch(t.Context(), world.now(), newRound(denied.cells), denied.cells)
		denied.drain(t.Context())
		denied.launch(t.Context(), world.now(), newRound(denied.cells), denied.cells)
		denied.drain(t.Context())
		for _, c := range denied.cells {
			first, second := c.judge.Observations[0], c.judge.Observations[1]
			if first.Server == judge.ControlLive || second.Server != judge.ControlLive || second.Client != judge.ControlLive {
				t.Errorf("%+v: controls %v at first, then %v and %v", c.key, first.Server, second.Server, second.Client)
			}
		}
		world.verdict = func(model.Flow) model.Verdict { return model.Allow }
		w := newWatch(a, 0)
		w.launch(t.Context(), world.now(), newRound(w.cells), w.cells)
		if w.drain(t.Context()); w.probes != len(w.cells) {
			t.Errorf("%d probes for %d cells", w.probes, len(w.cells))
		}
	})
}

// Every server has a part in every slice of a sweep, and one control for each of its ports
// does for all of them, as far as it has enough ports.
func TestSlices(t *testing.T) {
	c := onePort()
	c.Probes = cases.DefaultProbes()
	var cells []*cell
	for k := range wants(c, -1, both) {
		cells = append(cells, &cell{key: k})
	}
	parts, asked := map[string]map[int]bool{}, 0
	for i, slice := range newSweep(cells).slices {
		controls := map[controlKey]bool{}
		for _, c := range slice {
			if parts[c.key.Server] == nil {
				parts[c.key.Server] = map[int]bool{}
			}
			parts[c.key.Server][i] = true
			controls[serverOf(c.key)] = true
		}
		asked += len(controls)
	}
	for server, slices := range parts {
		if len(slices) != sliceCount {
			t.Errorf("%s is in slices %v", server, slices)
		}
	}
	if ports := len(c.Probes) * len(both); ports < sliceCount || asked != ports*len(parts) {
		t.Errorf("%d controls for %d ports of %d servers", asked, ports, len(parts))
	}
}

// When all that is left is to wait for silence, nobody is probed any more.
func TestSilenceIsWaitedForInPeace(t *testing.T) {
	inWorld(t, func(t *testing.T, world *world) {
		a := newDeniedSet(t, world)
		want := wants(onePort(), -1, a.Families())
		for k, v := range want {
			if v == model.Allow {
				want[k] = model.Deny
			}
		}
		w := a.newWatch(want, func(k cases.Cell) model.Verdict { return want[k] }, 300*time.Millisecond)
		w.patient, w.timing.RoundEvery, w.timing.Silence = true, 100*time.Millisecond, 800*time.Millisecond
		w.run(t.Context(), acked(w.window.Begun))
		w.drain(t.Context())
		for _, c := range w.cells {
			last := c.judge.Observations[len(c.judge.Observations)-1].Sent
			if due := w.window.Acked + w.window.Hold; !c.undefined() && last > due+w.timing.RoundEvery {
				t.Errorf("%+v was probed %v after it was known", c.key, last-due)
			}
		}
	})
}

// unchanged watches cells of one port that a step leaves as they are.
func unchanged(a *fixtureSet, hold time.Duration) *watch {
	w := a.newWatch(wants(onePort(), -1, a.Families()), func(cases.Cell) model.Verdict { return model.Allow }, hold)
	return &w
}

// What stays allowed needs no proof while it answers. When it does not, controls are asked, and
// say whether that was a block.
func TestTrustedCellsAreAskedAboutAfterwards(t *testing.T) {
	inWorld(t, func(t *testing.T, world *world) {
		a := newDeniedSet(t, world)
		blocked := unchanged(a, time.Second)
		blocked.launch(t.Context(), world.now(), newRound(blocked.cells), blocked.cells)
		if blocked.probes != len(blocked.cells) {
			t.Errorf("%d probes were sent at first for %d cells", blocked.probes, len(blocked.cells))
		}
		blocked.drain(t.Context())
		checkControls(t, blocked.cells, 1)
		world.verdict = func(model.Flow) model.Verdict { return model.Allow }
		open := unchanged(a, time.Second)
		open.launch(t.Context(), world.now(), newRound(open.cells), open.cells)
		if open.drain(t.Context()); open.probes != len(open.cells) {
			t.Errorf("%d probes for %d cells that all answer", open.probes, len(open.cells))
		}
	})
}

// Of what stays allowed each sweep of the hold window takes another half, in which each pod has
// a part as client and as server; after it all are looked at.
func TestSweepsShareWhatStaysAllowed(t *testing.T) {
	inWorld(t, func(t *testing.T, world *world) {
		w := unchanged(newDeniedSet(t, world), time.Second)
		w.ack(world.now())
		halves := map[cases.Cell]int{}
		var judged int
		for range 2 {
			clients, servers := map[string]bool{}, map[string]bool{}
			for _, c := range w.sweepable(world.now()) {
				if !c.undefined() {
					halves[c.key]++
					clients[c.key.Client], servers[c.key.Server] = true, true
				}
			}
			for key := range w.ends() {
				if !clients[key] || !servers[key] {
					t.Errorf("%s is client in the half: %t, server: %t", key, clients[key], servers[key])
				}
			}
			w.rounds++
		}
		for _, c := range w.cells {
			if c.undefined() {
				continue
			}
			judged++
			if halves[c.key] != 1 {
				t.Errorf("%+v is in %d of two sweeps", c.key, halves[c.key])
			}
		}
		late := slices.DeleteFunc(w.sweepable(world.now()+w.window.Hold), (*cell).undefined)
		if len(late) != judged {
			t.Errorf("%d of %d cells are looked at after the hold window", len(late), judged)
		}
	})
}

// ends are the clients of all cells.
func (w *watch) ends() map[string]bool {
	all := map[string]bool{}
	for _, c := range w.cells {
		all[c.key.Client] = true
	}
	return all
}

// Nothing is presumed of a probe whose second packet may still be to come.
func TestPresumedAfterTheSecondPacket(t *testing.T) {
	for _, tc := range []struct {
		timeout, ago time.Duration
		want         bool
	}{
		{400 * time.Millisecond, 59 * time.Millisecond, false},
		{400 * time.Millisecond, 60 * time.Millisecond, true},
		{time.Second, 124 * time.Millisecond, false},
		{time.Second, 125 * time.Millisecond, true},
	} {
		w := watch{timing: Timing{Timeout: tc.timeout}.withDefaults()}
		c := &cell{judge: judge.Cell{Want: model.Deny}, pending: []time.Duration{time.Second}}
		if got := w.stands(c, time.Second+tc.ago).right; got != tc.want {
			t.Errorf("timeout %v, %v ago: presumed %t, want %t", tc.timeout, tc.ago, got, tc.want)
		}
	}
}

func checkControls(t *testing.T, cells []*cell, each int) {
	t.Helper()
	if len(cells) == 0 {
		t.Fatal("no cells")
	}
	for _, c := range cells {
		if len(c.judge.Observations) != each || len(c.pending) != 0 {
			t.Errorf("%+v: %d observations, want %d; %d pending", c.key, len(c.judge.Observations), each, len(c.pending))
		}
		for _, o := range c.judge.Observations {
			negative := o.Result == judge.Dropped
			if negative && (o.Server != judge.ControlLive || o.Client != judge.ControlLive) {
				t.Errorf("%+v: server control %d, client control %d", c.key, o.Server, o.Client)
			}
		}
	}
}
