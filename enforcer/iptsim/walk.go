package iptsim

import (
	"fmt"
	"net/netip"
	"strings"
)

// State is a packet's conntrack state.
type State string

// The states.
const (
	NewFlow     State = "NEW"
	Established State = "ESTABLISHED"
	Related     State = "RELATED"
	Invalid     State = "INVALID"
	Untracked   State = "UNTRACKED"
)

var ctStates = [...]State{NewFlow, Established, Related, Invalid, Untracked}

// Packet is what rules can see of a packet.
type Packet struct {
	Src, Dst         netip.Addr // same family, never v4-mapped
	Protocol         string     // tcp, udp, sctp, icmp, ipv6-icmp
	SrcPort, DstPort uint16
	ICMPType         uint8
	HopLimit         uint8  // of IPv6, as the hook sees it
	In, Out          string // the interfaces by which it came and will leave; "" is none
	Back             string // the interface by which Src would be answered
	State            State
	Reply            bool // travels against the direction of the flow's first packet
}

// Verdict is what becomes of a packet.
type Verdict string

// The verdicts.
const (
	Accept Verdict = "ACCEPT"
	Drop   Verdict = "DROP"
)

// Step is a rule that matched.
type Step struct {
	Chain   string
	Rule    string // without "-A CHAIN"
	Comment string
	Place   int // of the rule in its chain, from 0
}

// Trace is a packet's way through one hook.
type Trace struct {
	Verdict Verdict
	Steps   []Step // in order, the last one decided unless no rule did
}

// String prints the matched rules, one per line, and the verdict.
func (t Trace) String() string {
	var b strings.Builder
	for _, s := range t.Steps {
		fmt.Fprintf(&b, "-A %s %s\n", s.Chain, s.Rule)
	}
	return b.String() + string(t.Verdict)
}

// Walk sends a packet through one hook (FORWARD or INPUT, or another built-in chain). A
// packet that no rule decides is accepted, as the built-in chains' policy is.
func (m *Machine) Walk(hook string, p Packet) (Trace, error) {
	if !p.Src.IsValid() || !p.Dst.IsValid() || familyOf(p.Src) != familyOf(p.Dst) {
		return Trace{}, fmt.Errorf("walk packet %s -> %s: two addresses of one family are needed", p.Src, p.Dst)
	}
	t := m.tables[familyOf(p.Src)]
	c, ok := t[hook]
	if !ok || !c.builtin {
		return Trace{}, fmt.Errorf("walk hook %q: not a built-in chain of the mangle table", hook)
	}
	w := walker{machine: m, table: t, packet: &p}
	verdict, decided := w.run(hook)
	if !decided {
		verdict = Accept
	}
	return Trace{Verdict: verdict, Steps: w.steps}, nil
}

type walker struct {
	machine *Machine
	table   table
	packet  *Packet
	steps   []Step
}

// run takes the packet through a chain. decided is false when it comes back to the caller,
// by a RETURN or at the chain's end.
func (w *walker) run(name string) (v Verdict, decided bool) {
	for i, r := range w.table[name].rules {
		if !r.holds(w.machine, w.packet) {
			continue
		}
		w.steps = append(w.steps, Step{Chain: name, Rule: r.text, Comment: r.comment, Place: i})
		switch r.target {
		case "RETURN":
			return "", false
		case "ACCEPT":
			return Accept, true
		case "DROP":
			return Drop, true
		}
		// After a goto there is no way back into this chain: what comes back from the
		// target goes on to this chain's caller.
		if v, decided = w.run(r.target); decided || r.goTo {
			return v, decided
		}
	}
	return "", false
}

func (r *rule) holds(m *Machine, p *Packet) bool {
	for _, test := range r.matches {
		if !test(m, p) {
			return false
		}
	}
	return true
}
