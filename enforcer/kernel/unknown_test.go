package kernel_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// editedClosed is edited for a node whose unknown pods are closed: all addresses that its
// pods ever have are of its ranges.
func editedClosed(seed uint64, flows int) (before, after plan.Plan, h history) {
	from, to, node, h := drawn(seed, 3, 6, flows)
	var ranges []netip.Prefix
	for _, p := range slices.Concat(from.Pods, to.Pods) {
		for _, ip := range p.IPs {
			if p.Node == node && !p.HostNetwork {
				ranges = append(ranges, netip.PrefixFrom(ip, ip.BitLen()))
			}
		}
	}
	slices.SortFunc(ranges, netip.Prefix.Compare)
	ranges = slices.Compact(ranges)
	compile := func(s model.Snapshot) plan.Plan {
		s.Nodes = slices.Clone(s.Nodes)
		for i := range s.Nodes {
			if s.Nodes[i].Name == node {
				s.Nodes[i].PodCIDRs = ranges
			}
		}
		return plan.CompileWith(s, plan.Options{Node: node, DenyUnknown: true})
	}
	return compile(from), compile(to), h
}

// TestEveryPrefixWithUnknownPodsClosed is TestEveryPrefixOfEverySync for a node whose
// unknown pods are closed: a new pod is closed until its policies are in.
func TestEveryPrefixWithUnknownPodsClosed(t *testing.T) { everyPrefix(t, 150, editedClosed) }

// closed is the plan of a node with the range 10.0.2.0/24, where x/server is or is not
// known; a policy lets 10.0.1.2 reach it.
func closed(known, flag bool) plan.Plan {
	s := flowWorld("10.0.1.2/32")
	if !known {
		s.Pods = nil
	}
	return plan.CompileWith(s, plan.Options{Node: "n", DenyUnknown: flag})
}

// TestNewPodIsClosedAtEveryStep: whom its policy denies never reaches a new pod, nor one
// that goes, at any step; not even where the address belongs to nobody.
func TestNewPodIsClosedAtEveryStep(t *testing.T) {
	f := fake.New()
	k := kernel.New(kernel.Options{Runner: f})
	denied := []model.Flow{flow("10.0.1.9", "10.0.2.2"), flow("10.0.2.77", "10.0.1.9")}
	allowed := []model.Flow{flow("10.0.1.2", "10.0.2.2")}
	sync(t, k, closed(false, true), nil)
	steps := 0
	f.Step = func(text string) error {
		steps++
		for i, ok := range judge(t, f.Machine, denied) {
			if ok && i%ways == 0 { // FORWARD
				t.Errorf("%s passes after: %s", denied[i/ways], text)
			}
		}
		return nil
	}
	server := map[netip.Addr]bool{netip.MustParseAddr("10.0.2.2"): true}
	if judge(t, f.Machine, allowed)[0] {
		t.Error("open before it is known")
	}
	sync(t, k, closed(true, true), server)
	if !judge(t, f.Machine, allowed)[0] {
		t.Error("closed although it is known")
	}
	sync(t, k, closed(false, true), server)
	if judge(t, f.Machine, allowed)[0] {
		t.Error("open although it is gone")
	}
	sync(t, k, closed(true, true), server)
	f.Step = nil
	sync(t, k, closed(true, false), nil)
	if !judge(t, f.Machine, []model.Flow{flow("10.0.2.77", "10.0.1.9")})[0] {
		t.Error("closed without the flag")
	}
	if steps < 6 {
		t.Errorf("%d steps were judged", steps)
	}
	if sets := f.Machine.Sets(); slices.ContainsFunc(sets, func(s string) bool { return s[:6] == "npe-k4" }) {
		t.Errorf("sets without the flag: %v", sets)
	}
	if v := walkNew(t, f.Machine, "INPUT", "10.0.2.1", "10.0.2.1"); v != iptsim.Accept {
		t.Error("the node can't reach itself")
	}
}

func flow(client, server string) model.Flow {
	return model.Flow{Client: netip.MustParseAddr(client), Server: netip.MustParseAddr(server), Protocol: "TCP", Port: 80}
}

func walkNew(t *testing.T, m *iptsim.Machine, hook, src, dst string) iptsim.Verdict {
	t.Helper()
	trace, err := m.Walk(hook, iptsim.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: "tcp", SrcPort: 40000, DstPort: 80, State: iptsim.NewFlow})
	if err != nil {
		t.Fatal(err)
	}
	return trace.Verdict
}
