package changeover

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/oracle"
	"github.com/netassay/netassay/suites/steady/account"
)

// world is a place of n nodes, on paper.
func world(n int) (objects fixture.Run, by map[string]probe.Pod, s model.Snapshot) {
	objects = fixture.Run{ID: "r1", Image: func(name string) string { return name }}
	by = map[string]probe.Pod{}
	s.Namespaces = []model.Namespace{model.NamespaceFromAPI(objects.WatchNamespaceObject())}
	s.Policies = objects.WatchPolicyObjects()
	for i := range n {
		objects.Nodes = append(objects.Nodes, fmt.Sprintf("node-%d", i+1))
		for j, r := range fixture.WatchRoles() {
			pod := objects.WatchPodObject(r, i+1)
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i), byte(j + 2)})
			by[pod.Name] = probe.Pod{Name: pod.Name, Node: pod.Spec.NodeName, Addrs: []netip.Addr{addr}}
			s.Pods = append(s.Pods, model.Pod{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, Node: pod.Spec.NodeName, IPs: []netip.Addr{addr}})
		}
	}
	return objects, by, s
}

// What must pass and what must not is what the specification says of the policies.
func TestWatchesAreRight(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		objects, by, s := world(n)
		for _, w := range watches(objects, by) {
			for _, f := range w.flows {
				client, server := by[f.Client], by[f.Server]
				got := oracle.Evaluate(s, model.Flow{Client: client.Addrs[0], Server: server.Addrs[0], Protocol: corev1.ProtocolTCP, Port: fixture.WatchPort})
				if want := map[bool]model.Verdict{true: model.Deny, false: model.Allow}[w.drop]; got.Verdict != want {
					t.Errorf("%d nodes: %s of %s: %s (%s), want %s", n, f, w.policy, got.Verdict, got.Reason, want)
				}
				if place := map[bool]string{true: flows.SameNode, false: flows.CrossNode}[client.Node == server.Node]; w.place != place {
					t.Errorf("%d nodes: %s is %s, not %s", n, f, place, w.place)
				}
				if subject := map[string]string{fixture.GuardPolicy: server.Node, fixture.CagePolicy: client.Node, "": client.Node}[w.policy]; w.node != subject {
					t.Errorf("%d nodes: %s belongs to %s, not to %s", n, f, subject, w.node)
				}
			}
		}
	}
}

// Silence of a server proves something only beside a flow that reaches it.
func TestEveryDeniedServerIsReached(t *testing.T) {
	objects, by, _ := world(3)
	pass, kept, drop := split(watches(objects, by))
	if len(kept) != len(pass) {
		t.Errorf("%d established flows of %d that pass", len(kept), len(pass))
	}
	for _, f := range drop {
		if !slices.ContainsFunc(pass, func(p flows.Flow) bool { return p.Addr == f.Addr }) {
			t.Errorf("nobody may reach %s, to which %s is denied", f.Server, f.Client)
		}
	}
	if len(records(watches(objects, by))) != len(objects.Nodes)*2*3 {
		t.Errorf("%d watches, want three on each of three nodes at both places", len(records(watches(objects, by))))
	}
}

func at(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

// Connections that go wrong one after the other are one exposure, which a right one ends.
func TestConnections(t *testing.T) {
	objects, by, _ := world(2)
	all := watches(objects, by)
	_, _, drop := split(all)
	f := drop[0]
	c := &connections{indexOf(all), map[flows.Flow]*v1.Exposure{}}
	see := func(from int, phase string, r probe.Result) *v1.Exposure {
		return c.see(account.Segment{Phase: phase, Refusing: true}, f, true, probe.Observation{Result: r, Sent: at(from), Done: at(from + 10)})
	}
	for i, r := range []probe.Result{probe.Dropped, probe.Connected, probe.Inconclusive, probe.Connected} {
		if e := see(100*i, "gap", r); e != nil {
			t.Errorf("connection %d ended %+v", i, e)
		}
	}
	w := c.by[f]
	want := &v1.Exposure{Node: w.node, Policy: w.policy, Place: w.place, Flow: f.String(), What: v1.Leaked, Phase: "gap", Count: 2, From: at(100), To: at(310)}
	if diff := cmp.Diff(want, see(400, "start", probe.Connected)); diff != "" {
		t.Errorf("at the end of a phase (-want +got):\n%s", diff)
	}
	if e := see(500, "start", probe.Dropped); e == nil || e.Phase != "start" || e.Count != 1 {
		t.Errorf("a right one ended %+v", e)
	}
	see(600, "after", probe.Connected)
	if left := c.end(); len(left) != 1 || len(c.end()) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// A delivered packet leaked, whatever the client saw of it; and a refusal is a loss where the
// flow had to pass.
func TestConnectionsBothEnds(t *testing.T) {
	objects, by, _ := world(2)
	all := watches(objects, by)
	pass, _, drop := split(all)
	for _, tc := range []struct {
		name    string
		f       flows.Flow
		blocked bool
		o       probe.Observation
		want    string
	}{
		{"delivered", drop[0], true, probe.Observation{Result: probe.Dropped, Receiver: "x"}, v1.Leaked},
		{"refused", drop[0], true, probe.Observation{Result: probe.Refused}, ""},
		{"refused, and had to pass", pass[0], false, probe.Observation{Result: probe.Refused}, v1.Lost},
		{"passed", pass[0], false, probe.Observation{Result: probe.Connected, Receiver: "x"}, ""},
		{"nobody knows", pass[0], false, probe.Observation{Result: probe.Inconclusive}, ""},
	} {
		c := &connections{indexOf(all), map[flows.Flow]*v1.Exposure{}}
		c.see(account.Segment{Phase: "p", Refusing: true}, tc.f, tc.blocked, tc.o)
		got := ""
		if e := c.open[tc.f]; e != nil {
			got = e.What
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A node is told of when it changes, and no more.
func TestState(t *testing.T) {
	objects, by, _ := world(1)
	all := watches(objects, by)
	s := newState(indexOf(all))
	_, _, drop := split(all)
	var told []string
	see := func(ms int, r probe.Result, of ...flows.Flow) {
		for _, f := range of {
			if line, news := s.see(account.Segment{Refusing: true}, f, true, probe.Observation{Result: r, Done: at(ms)}); news {
				told = append(told, line)
			}
		}
	}
	see(0, probe.Dropped, drop...)
	see(1000, probe.Connected, drop...)
	see(1100, probe.Connected, drop...)
	see(1200, probe.Inconclusive, drop...)
	see(3000, probe.Dropped, drop...)
	want := []string{
		"node-1: " + part,
		"node-1: " + open + ` ("` + part + `" for 0.0 s)`,
		"node-1: " + part + ` ("` + open + `" for 2.0 s)`,
		"node-1: " + closed + ` ("` + part + `" for 0.0 s)`,
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
