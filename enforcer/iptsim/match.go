package iptsim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/bpf"
)

// parseMatchSet reads "--match-set NAME FLAGS". The set must be there, of the rule's family
// and with as many dimensions as there are flags.
func (p *ruleParser) parseMatchSet(name string) (match, error) {
	text, err := p.next("src or dst")
	if err != nil {
		return nil, err
	}
	flags := strings.Split(text, ",")
	for _, f := range flags {
		if f != "src" && f != "dst" {
			return nil, fmt.Errorf("%q is neither src nor dst", f)
		}
	}
	s, ok := p.machine.sets[name]
	switch {
	case !ok:
		return nil, errors.New("there is no such set")
	case s.family != p.family:
		return nil, fmt.Errorf("the set is of family %s", s.family)
	case s.dimension() != len(flags):
		return nil, fmt.Errorf("a %s set needs %d of src and dst", s.kind, s.dimension())
	}
	p.rule.sets = append(p.rule.sets, name)
	return func(m *Machine, pkt *Packet) bool { return m.sets[name].matches(pkt, flags) }, nil
}

// matches tests a packet. The first flag picks the address, the second the port or interface.
func (s *set) matches(p *Packet, flags []string) bool {
	addr := p.Dst
	if flags[0] == "src" {
		addr = p.Src
	}
	if len(flags) == 1 {
		return s.contains(addr, member{})
	}
	port, link := p.DstPort, p.Out
	if flags[1] == "src" {
		port, link = p.SrcPort, p.In
	}
	if s.kind == "hash:net,iface" {
		return s.contains(addr, member{link: link})
	}
	return s.contains(addr, member{protocol: p.Protocol, port: port})
}

// parseDports reads ports and ranges; a range takes two of the slots.
func parseDports(value string, slots int) (match, error) {
	type span struct{ first, last uint16 }
	var spans []span
	used := 0
	for text := range strings.SplitSeq(value, ",") {
		first, last, isRange := strings.Cut(text, ":")
		if !isRange {
			last = first
		} else {
			used++
		}
		used++
		var s span
		var err error
		if s.first, err = parsePort(first); err != nil {
			return nil, err
		}
		if s.last, err = parsePort(last); err != nil {
			return nil, err
		}
		if s.last < s.first {
			return nil, fmt.Errorf("range %q runs backwards", text)
		}
		spans = append(spans, s)
	}
	if used > slots || (slots == 2 && len(spans) > 1) {
		return nil, errors.New("too many ports")
	}
	return func(_ *Machine, p *Packet) bool {
		return slices.ContainsFunc(spans, func(s span) bool { return s.first <= p.DstPort && p.DstPort <= s.last })
	}, nil
}

func parseStates(value string) (match, error) {
	states := strings.Split(value, ",")
	for _, s := range states {
		if !slices.Contains(ctStates[:], State(s)) {
			return nil, fmt.Errorf("unknown state %q", s)
		}
	}
	return func(_ *Machine, p *Packet) bool { return slices.Contains(states, string(p.State)) }, nil
}

func parseDirection(value string) (match, error) {
	if value != "ORIGINAL" && value != "REPLY" {
		return nil, errors.New("neither ORIGINAL nor REPLY")
	}
	return func(_ *Machine, p *Packet) bool { return p.Reply == (value == "REPLY") }, nil
}

// otherWay is rpfilter's match when inverted: the packet came by another interface than the
// one by which its source would be answered.
func otherWay(_ *Machine, p *Packet) bool { return p.In != p.Back }

// parseProgram reads a program for the packet's header, of which only the few instructions
// that compare words of it are known.
func (p *ruleParser) parseProgram(value string) (match, error) {
	lines := strings.Split(strings.Trim(value, `"`), ",")
	var code []bpf.Instruction
	for _, line := range lines[1:] {
		var raw bpf.RawInstruction
		if _, err := fmt.Sscanf(line, "%d %d %d %d", &raw.Op, &raw.Jt, &raw.Jf, &raw.K); err != nil {
			return nil, fmt.Errorf("instruction %q: %w", line, err)
		}
		code = append(code, raw.Disassemble())
	}
	vm, err := bpf.NewVM(code)
	if err != nil || lines[0] != strconv.Itoa(len(code)) {
		return nil, fmt.Errorf("not a program: %w", err)
	}
	return func(_ *Machine, p *Packet) bool {
		n, err := vm.Run(p.header())
		return err == nil && n > 0
	}, nil
}

// header is a packet's header as far as programs look: the addresses at their places.
func (p *Packet) header() []byte {
	before := map[bool]int{true: 12, false: 8}[p.Src.Is4()]
	return slices.Concat(make([]byte, before), p.Src.AsSlice(), p.Dst.AsSlice())
}

func parseHopLimit(value string) (match, error) {
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil {
		return nil, errors.New("not a hop limit")
	}
	return func(_ *Machine, p *Packet) bool { return p.HopLimit == uint8(n) }, nil
}

func (p *ruleParser) parseICMP6(value string) (match, error) {
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil {
		return nil, errors.New("not the number of an ICMPv6 type")
	}
	return func(_ *Machine, pkt *Packet) bool { return pkt.ICMPType == uint8(n) }, nil
}
