package proof

import (
	"net/netip"
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
// in both hooks; an echo request is judged, and so is what a router has forwarded.
func TestLinkMessagesPass(t *testing.T) {
	judged := map[uint8]bool{} // types of which a message was dropped that is none of a link
	for seed := range uint64(100) {
		s := gen.New(seed, 10)
		m := loadNode(t, s.Snapshot, plan.Options{Node: "n1"})
		for _, f := range s.Flows {
			if f.Client.Is4() {
				continue
			}
			echo := simnet.PacketOf(f)
			echo.Protocol, echo.HopLimit, echo.ICMPType = "ipv6-icmp", 255, 128
			judged[128] = judged[128] || walk(t, m, echo) == iptsim.Drop
			for _, kind := range []uint8{130, 131, 132, 133, 134, 135, 136, 137, 143} {
				p := echo
				p.ICMPType = kind
				forwarded := p
				forwarded.HopLimit = 254
				if listener := kind < 133 || kind > 137; listener {
					p.Src, p.HopLimit, forwarded.HopLimit = netip.MustParseAddr("fe80::9"), 1, 1
				}
				if got := walk(t, m, p); got != iptsim.Accept {
					t.Errorf("seed %d: ICMPv6 type %d of %s: %s", seed, kind, f, got)
				}
				judged[kind] = judged[kind] || walk(t, m, forwarded) == iptsim.Drop
			}
		}
	}
	for kind, ok := range judged {
		if !ok {
			t.Errorf("no message of type %d that was forwarded was dropped: it is not judged", kind)
		}
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
