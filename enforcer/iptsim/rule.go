package iptsim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// rule is one parsed rule.
type rule struct {
	text    string // as written, without "-A CHAIN"
	comment string
	matches []match // all must hold
	target  string  // a chain, or one of targets; never empty
	goTo    bool
	sets    []string // the sets that it refers to
}

// match reports whether a packet has one property.
type match func(m *Machine, p *Packet) bool

// targets are the targets that are not chains.
var targets = [...]string{"ACCEPT", "DROP", "RETURN"}

func isTarget(name string) bool { return slices.Contains(targets[:], name) }

// ruleParser holds what options need to know of the words before them.
type ruleParser struct {
	*cursor
	machine  *Machine
	family   Family
	rule     *rule
	loaded   []string // match modules named by -m
	protocol string   // named by -p
}

// parseRule reads a rule's specification to the end of the line.
func (m *Machine) parseRule(f Family, c *cursor) (rule, error) {
	r := rule{text: strings.Join(c.words[c.at:], " ")}
	p := &ruleParser{cursor: c, machine: m, family: f, rule: &r}
	for p.more() {
		if err := p.option(); err != nil {
			return rule{}, err
		}
	}
	if r.target == "" {
		return rule{}, errors.New("the rule has no target")
	}
	return r, nil
}

// option reads one option with its value, and "!" before it.
func (p *ruleParser) option() error {
	name, _ := p.next("an option")
	not := name == "!"
	if not {
		var err error
		if name, err = p.next("an option"); err != nil {
			return err
		}
	}
	if name == "--invert" && !not && slices.Contains(p.loaded, "rpfilter") {
		p.rule.matches = append(p.rule.matches, otherWay)
		return nil
	}
	value, err := p.next("the value of " + name)
	if err != nil {
		return err
	}
	if strings.Contains(value, `"`) && name != "--bytecode" {
		return fmt.Errorf("%s: a quote", name)
	}
	if value == "!" {
		return fmt.Errorf("%s: \"!\" belongs before the option", name)
	}
	test, err := p.parse(name, value)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", name, value, err)
	case test == nil && not:
		return fmt.Errorf("%s cannot be negated", name)
	case test == nil:
		return nil
	}
	p.rule.matches = append(p.rule.matches, func(m *Machine, pkt *Packet) bool { return test(m, pkt) != not })
	return nil
}

// module maps each match option to the module that must be loaded for it. A port option
// belongs to the module of the protocol.
var module = map[string]string{
	"--match-set": "set", "--ctstate": "conntrack", "--ctdir": "conntrack",
	"--dports": "multiport", "--icmpv6-type": "icmp6", "--comment": "comment", "--hl-eq": "hl", "--bytecode": "bpf",
}

// parse returns the option's test, or nil for options that test nothing.
func (p *ruleParser) parse(name, value string) (match, error) {
	if need, ok := module[name]; ok && !slices.Contains(p.loaded, need) {
		return nil, fmt.Errorf("needs -m %s before it", need)
	}
	switch name {
	case "-j", "-g":
		return nil, p.parseTarget(name, value)
	case "-m":
		return nil, p.load(value)
	case "--comment":
		if len(value) > 255 {
			return nil, errors.New("above 255 bytes")
		}
		p.rule.comment = strings.TrimSpace(p.rule.comment + " " + value)
		return nil, nil
	case "-p":
		return p.parseProtocol(value)
	case "-s", "-d":
		return p.parseAddress(name, value)
	case "--match-set":
		return p.parseMatchSet(value)
	}
	return p.parsePortOrState(name, value)
}

func (p *ruleParser) parsePortOrState(name, value string) (match, error) {
	switch name {
	case "--dport":
		if p.protocol == "" || !slices.Contains(p.loaded, p.protocol) {
			return nil, errors.New("needs -p and -m of the protocol before it")
		}
		return parseDports(value, 2)
	case "--dports":
		if p.protocol == "" || p.protocol == "ipv6-icmp" {
			return nil, errors.New("needs -p of a protocol with ports before it")
		}
		return parseDports(value, 15)
	case "--ctstate":
		return parseStates(value)
	case "--ctdir":
		return parseDirection(value)
	case "--icmpv6-type":
		return p.parseICMP6(value)
	case "--hl-eq":
		return parseHopLimit(value)
	case "--bytecode":
		return p.parseProgram(value)
	}
	return nil, errors.New("unknown option")
}

func (p *ruleParser) parseTarget(name, value string) error {
	if p.rule.target != "" {
		return errors.New("a second target")
	}
	p.rule.target, p.rule.goTo = value, name == "-g"
	if p.rule.goTo && isTarget(value) {
		return errors.New("only a chain can be gone to")
	}
	if !isTarget(value) && slices.Contains(builtins[:], value) {
		return errors.New("a built-in chain cannot be a target")
	}
	return nil
}

// modules maps those that parse knows options of to the protocol that they need, if any.
var modules = map[string]string{
	"tcp": "tcp", "udp": "udp", "sctp": "sctp", "icmp6": "ipv6-icmp",
	"set": "", "conntrack": "", "multiport": "", "comment": "", "rpfilter": "", "hl": "", "bpf": "",
}

func (p *ruleParser) load(name string) error {
	protocol, ok := modules[name]
	switch {
	case !ok:
		return errors.New("unknown match module")
	case protocol != "" && protocol != p.protocol:
		return fmt.Errorf("needs -p %s before it", protocol)
	}
	p.loaded = append(p.loaded, name)
	return nil
}

func (p *ruleParser) parseProtocol(value string) (match, error) {
	if p.protocol != "" {
		return nil, errors.New("a second protocol")
	}
	switch value {
	case "tcp", "udp", "sctp":
	case "ipv6-icmp":
		if p.family != IPv6 {
			return nil, errors.New("not a protocol of IPv4")
		}
	default:
		return nil, errors.New("unknown protocol")
	}
	p.protocol = value
	return func(_ *Machine, pkt *Packet) bool { return pkt.Protocol == value }, nil
}

func (p *ruleParser) parseAddress(name, value string) (match, error) {
	prefix, err := netip.ParsePrefix(value)
	if err != nil || familyOf(prefix.Addr()) != p.family || prefix.Masked() != prefix {
		return nil, fmt.Errorf("not a prefix of family %s without host bits", p.family)
	}
	return func(_ *Machine, pkt *Packet) bool {
		if name == "-s" {
			return prefix.Contains(pkt.Src)
		}
		return prefix.Contains(pkt.Dst)
	}, nil
}
