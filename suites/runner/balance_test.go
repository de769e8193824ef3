package runner

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/judge"
)

// The source that arrives is recorded where it is not the client's own, and what is observed
// because of it says so.
func TestSourceThatArrivesIsRecorded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		run := w.run(t, w.config(loadCases(t, "outside-balancer-hides-source", "outside-balancer-local-one-address")...))
		expectAll(t, run, v1.Pass)
		met := map[string]int{}
		for _, c := range run.Cases {
			for _, k := range c.Steps[len(c.Steps)-1].Cells {
				if !isOutside(k.Client) || !cases.Path(k.Path).ByNode() || k.Seen != string(judge.Connected) {
					continue
				}
				met[c.Name+" "+k.Path]++
				want := ""
				if c.Name == "outside-balancer-hides-source" {
					want = map[string]string{
						"loadbalancer IPv4": "172.18.0.1", "loadbalancer IPv6": "fd00:172:18::1",
						"loadbalancer-remote IPv4": "172.18.0.2", "loadbalancer-remote IPv6": "fd00:172:18::2",
					}[k.Path+" "+k.Family]
				}
				if k.Arrived != want {
					t.Errorf("%s: %s -> %s by %s: %q arrived, want %q", c.Name, k.Client, k.Server, k.Path, k.Arrived, want)
				}
				observed := k.Want == string(model.Undefined)
				if observed != strings.Contains(k.Because, "when addresses are rewritten") {
					t.Errorf("%s: %s -> %s by %s, %s, because %q", c.Name, k.Client, k.Server, k.Path, k.Want, k.Because)
				}
			}
		}
		if len(met) != 3 {
			t.Errorf("met %v, want both nodes by the one, and the server's own by the other", met)
		}
	})
}

// What a host outside does not get by another node than the server's proves nothing unless that
// node's kube-proxy is at work.
func TestHostOutsideNeedsTheNodeThatItDials(t *testing.T) {
	inWorld(t, func(t *testing.T, world *world) {
		a := newDeniedSet(t, world)
		world.proxyless = "n2"
		world.probers[worldProber] = true
		served := cases.Probe{Port: 80, Protocol: "TCP"}
		web := cases.Front{
			Ref: cases.Ref{Namespace: "x", Name: "web"}, Pod: "a", Type: cases.LoadBalancer,
			Ports: []cases.ServicePort{{Port: 8000, Target: served}},
		}
		if err := a.CreateService(t.Context(), web); err != nil {
			t.Fatal(err)
		}
		want := verdicts{}
		for _, path := range cases.Paths() {
			if path.ByNode() {
				k := cases.Cell{Client: cases.WorldKey(netip.MustParseAddr("198.51.100.7")), Server: "x/a", Family: model.IPv4}
				k.Kind = cases.Kind{Probe: served, Path: path}
				want[k] = model.Deny
			}
		}
		w := a.newWatch(want, func(cases.Cell) model.Verdict { return "" }, time.Second)
		w.launch(t.Context(), world.now(), newRound(w.cells), w.cells)
		w.drain(t.Context())
		for _, c := range w.cells {
			o := c.judge.Observations[0]
			if live := !c.key.Path.Remote(); o.Result != judge.Dropped || o.Server != judge.ControlLive || (o.Client == judge.ControlLive) != live {
				t.Errorf("%s: %s, server %v, client %v, want the client's control live: %t", c.key.Path, o.Result, o.Server, o.Client, live)
			}
		}
		if len(w.cells) != 4 {
			t.Errorf("%d cells, want 4", len(w.cells))
		}
	})
}
