package proof

import (
	"testing"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

// What happens to packets that do not open a flow, for both choices of Existing: replies
// and related errors always pass, in every hook; further packets of the client pass with
// keep, and are judged like the first with cut.
func TestPacketsOfKnownFlows(t *testing.T) {
	for seed := range uint64(100) {
		s := gen.New(seed, 10)
		keep := loadNode(t, s.Snapshot, plan.Options{Node: "n1", Existing: plan.Keep})
		cut := loadNode(t, s.Snapshot, plan.Options{Node: "n1", Existing: plan.Cut})
		for _, f := range s.Flows {
			first := simnet.PacketOf(f)
			verdict := walk(t, keep, first)
			later, reply, related := first, first, first
			later.State = iptsim.Established
			reply.State, reply.Reply = iptsim.Established, true
			reply.Src, reply.Dst = first.Dst, first.Src
			related.State = iptsim.Related
			for _, tc := range []struct {
				name   string
				m      *iptsim.Machine
				packet iptsim.Packet
				want   iptsim.Verdict
			}{
				{"keep, later packet", keep, later, iptsim.Accept},
				{"keep, reply", keep, reply, iptsim.Accept},
				{"keep, related", keep, related, iptsim.Accept},
				{"cut, first packet", cut, first, verdict},
				{"cut, later packet", cut, later, verdict},
				{"cut, reply", cut, reply, iptsim.Accept},
				{"cut, related", cut, related, iptsim.Accept},
			} {
				if got := walk(t, tc.m, tc.packet); got != tc.want {
					t.Errorf("seed %d: %s: %s: %s, want %s", seed, tc.name, f, got, tc.want)
				}
			}
		}
	}
}

// Neighbour discovery and multicast listener messages pass whatever the policies say, and
// in both hooks; an echo request is judged.
func TestLinkMessagesPass(t *testing.T) {
	echoDropped := false
	for seed := range uint64(100) {
		s := gen.New(seed, 10)
		m := loadNode(t, s.Snapshot, plan.Options{Node: "n1"})
		for _, f := range s.Flows {
			if f.Client.Is4() {
				continue
			}
			p := simnet.PacketOf(f)
			p.Protocol = "ipv6-icmp"
			for _, kind := range []uint8{130, 131, 132, 133, 134, 135, 136, 137, 143} {
				p.ICMPType = kind
				if got := walk(t, m, p); got != iptsim.Accept {
					t.Errorf("seed %d: ICMPv6 type %d of %s: %s", seed, kind, f, got)
				}
			}
			p.ICMPType = 128
			echoDropped = echoDropped || walk(t, m, p) == iptsim.Drop
		}
	}
	if !echoDropped {
		t.Error("no echo request was dropped: nothing is judged")
	}
}

func loadNode(t *testing.T, s model.Snapshot, opts plan.Options) *iptsim.Machine {
	t.Helper()
	text, err := simnet.Render(plan.CompileWith(s, opts))
	if err != nil {
		t.Fatal(err)
	}
	m, err := simnet.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// walk sends the packet through both hooks; the first DROP counts.
func walk(t *testing.T, m *iptsim.Machine, p iptsim.Packet) iptsim.Verdict {
	t.Helper()
	for _, hook := range []string{"FORWARD", "INPUT"} {
		trace, err := m.Walk(hook, p)
		if err != nil {
			t.Fatal(err)
		}
		if trace.Verdict == iptsim.Drop {
			return iptsim.Drop
		}
	}
	return iptsim.Accept
}
