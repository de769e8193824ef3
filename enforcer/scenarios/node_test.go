package scenarios

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
)

// node is a simulated kernel and the one that keeps it up to date.
type node struct {
	t      *testing.T
	name   string
	fake   *fake.Kernel
	kernel *kernel.Kernel
}

func newNode(t *testing.T, name string) *node {
	t.Helper()
	n := &node{t: t, name: name, fake: fake.New()}
	n.restart()
	return n
}

// restart gives the node an agent that knows nothing.
func (n *node) restart() { n.kernel = kernel.New(kernel.Options{Runner: n.fake}) }

func (n *node) try(s model.Snapshot) (kernel.Result, error) {
	return n.kernel.Sync(context.Background(), plan.Compile(s, n.name), kernel.Hints{})
}

func (n *node) sync(s model.Snapshot) kernel.Result {
	n.t.Helper()
	r, err := n.try(s)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// passes reports whether the node forwards a new flow.
func (n *node) passes(f model.Flow) bool {
	n.t.Helper()
	return passes(n.t, n.fake.Machine, simnet.PacketOf(f))
}

func passes(t *testing.T, m *iptsim.Machine, p iptsim.Packet) bool {
	t.Helper()
	trace, err := m.Walk("FORWARD", p)
	if err != nil {
		t.Fatal(err)
	}
	return trace.Verdict == iptsim.Accept
}

// watched is a set of flows and what they meet at the beginning and at the end of a sync.
type watched struct {
	flows       []model.Flow
	before, now map[model.Flow]bool
	steps       int
}

// watch judges the flows after every step of the syncs that follow: each must meet its
// verdict from before, or the one that it has after the syncs to the snapshot.
func (n *node) watch(to model.Snapshot, flows ...model.Flow) *watched {
	n.t.Helper()
	w := &watched{flows: flows, before: map[model.Flow]bool{}, now: map[model.Flow]bool{}}
	fresh := newNode(n.t, n.name)
	fresh.sync(to)
	for _, f := range flows {
		w.before[f], w.now[f] = n.passes(f), fresh.passes(f)
	}
	n.fake.Step = func(text string) error {
		w.steps++
		for _, f := range flows {
			if got := n.passes(f); got != w.before[f] && got != w.now[f] {
				n.t.Fatalf("%s passes: %t, but before it was %t and it is to be %t; after: %.200s", f, got, w.before[f], w.now[f], text)
			}
		}
		return nil
	}
	return w
}

var errKilled = errors.New("killed")

// killAt syncs to the snapshot and is killed after so many steps. It reports false when
// the sync has not as many.
func (n *node) killAt(to model.Snapshot, steps int, flows ...model.Flow) (killed bool) {
	n.t.Helper()
	w := n.watch(to, flows...)
	judge := n.fake.Step
	n.fake.Step = func(text string) error {
		if killed {
			return errKilled // the dead do nothing more
		}
		if err := judge(text); err != nil {
			return err
		}
		if killed = w.steps == steps; killed {
			return errKilled
		}
		return nil
	}
	if _, err := n.try(to); err != nil && !killed {
		n.t.Fatal(err)
	}
	n.fake.Step = nil
	return killed
}

// clean fails when the node holds anything of ours that the plan for s does not have.
func (n *node) clean(s model.Snapshot) {
	n.t.Helper()
	p := plan.Compile(s, n.name)
	want := map[string]bool{}
	for _, set := range slices.Concat(p.IPv4.Sets, p.IPv6.Sets) {
		want[string(set.Name)] = true
	}
	got := map[string]bool{}
	for _, name := range n.fake.Machine.Sets() {
		logical, _, _ := strings.Cut(name, ".")
		got[logical] = true
	}
	if !maps.Equal(got, want) || len(n.fake.Machine.Sets()) != len(want) {
		n.t.Errorf("sets: %v, want those of %v", n.fake.Machine.Sets(), slices.Sorted(maps.Keys(want)))
	}
	for family, f := range map[iptsim.Family]plan.FamilyPlan{iptsim.IPv4: p.IPv4, iptsim.IPv6: p.IPv6} {
		var names []string
		for _, c := range f.Chains {
			names = append(names, string(c.Name))
		}
		if chains := n.fake.Machine.Chains(family); !slices.Equal(chains, names) {
			n.t.Errorf("chains of %s: %v, want %v", family, chains, names)
		}
	}
}

// network is the network of the nodes' simulated kernels.
func network(t *testing.T, s model.Snapshot, nodes ...*node) *simnet.Network {
	t.Helper()
	net, err := simnet.New(s, func(name string) (*iptsim.Machine, error) {
		i := slices.IndexFunc(nodes, func(n *node) bool { return n.name == name })
		return nodes[i].fake.Machine, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// flows reads several.
func flows(s model.Snapshot, texts ...string) []model.Flow {
	var out []model.Flow
	for _, text := range texts {
		out = append(out, flow(s, text))
	}
	return out
}

// singles are n single addresses of which no two can be joined into one prefix.
func singles(first string, n int) []string {
	out := make([]string, 0, n)
	for a := netip.MustParseAddr(first); len(out) < n; a = a.Next().Next() {
		out = append(out, netip.PrefixFrom(a, a.BitLen()).String())
	}
	return out
}
