package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// Family is a family as ipset spells it.
func Family(f model.Family) string {
	if f == model.IPv6 {
		return "inet6"
	}
	return "inet"
}

// ParseFamily reads a family as ipset spells it; it is "" for what is none.
func ParseFamily(text string) model.Family {
	return map[string]model.Family{"inet": model.IPv4, "inet6": model.IPv6}[text]
}

// kinds are the types of ipsets.
var kinds = [...]string{plan.Addresses: "hash:ip", plan.Prefixes: "hash:net", plan.AddressPorts: "hash:ip,port", plan.Links: "hash:net,iface"}

// Kind is the type of the ipset that holds such members.
func Kind(k plan.SetKind) string { return kinds[k] }

// ParseKind reads the type of an ipset; it is the zero kind of one that no plan has.
func ParseKind(text string) plan.SetKind { return plan.SetKind(max(0, slices.Index(kinds[:], text))) }

// paths are the built-in chains that packets take.
var paths = [...]string{plan.Forwarded: "FORWARD", plan.ToNode: "INPUT", plan.Entering: "PREROUTING"}

// Names are sets that have another name in the kernel than in the plan.
type Names map[plan.SetName]string

func (n Names) of(set plan.SetName) string {
	if actual, ok := n[set]; ok {
		return actual
	}
	return string(set)
}

// appendRule spells a rule as iptables-restore reads it, without the leading "-A CHAIN ".
func appendRule(b []byte, r plan.Rule, names Names) []byte {
	for _, c := range r.Match {
		b = append(appendCondition(b, c, names), ' ')
	}
	switch v := r.Verdict.(type) {
	case plan.Return:
		return append(b, "-j RETURN"...)
	case plan.Drop:
		return append(b, "-j DROP"...)
	case plan.Jump:
		return append(append(b, "-j "...), v.To...)
	}
	panic(fmt.Sprintf("no words for the verdict %T", r.Verdict))
}

func appendCondition(b []byte, c plan.Condition, names Names) []byte {
	switch c := c.(type) {
	case plan.Note:
		return appendNote(b, c)
	case plan.InSet:
		b = append(b, "-m set "...)
		if c.Not {
			b = append(b, "! "...)
		}
		b = append(append(b, "--match-set "...), names.of(c.Set)...)
		return append(b, [...]string{plan.Source: " src", plan.Destination: " dst", plan.DestinationPort: " dst,dst", plan.Incoming: " src,src", plan.Outgoing: " dst,dst"}[c.Part]...)
	case plan.InPrefix:
		return c.Prefix.AppendTo(append(b, [...]string{plan.Source: "-s ", plan.Destination: "-d "}[c.Part]...))
	case plan.Ports:
		return appendPorts(b, c)
	case plan.Tracked:
		return append(append(b, "-m conntrack --ctstate "...), states[c]...)
	case plan.Forged:
		return append(b, "-m rpfilter --invert"...)
	case plan.ToItself:
		return append(append(append(b, "-m bpf --bytecode \""...), sameEnds[c.Family]...), '"')
	case plan.HopLimit:
		return strconv.AppendUint(append(b, "-m hl --hl-eq "...), uint64(c), 10)
	case plan.ICMPv6:
		return strconv.AppendUint(append(b, "-p ipv6-icmp -m icmp6 --icmpv6-type "...), uint64(c), 10)
	}
	panic(fmt.Sprintf("no words for the condition %T", c))
}

// sameEnds compare the source of a packet's header with its destination, 32 bits at a time.
var sameEnds = map[model.Family]string{
	model.IPv4: "6,32 0 0 12,7 0 0 0,32 0 0 16,29 0 1 0,6 0 0 65535,6 0 0 0",
	model.IPv6: "18,32 0 0 8,7 0 0 0,32 0 0 24,29 0 13 0,32 0 0 12,7 0 0 0,32 0 0 28,29 0 9 0," +
		"32 0 0 16,7 0 0 0,32 0 0 32,29 0 5 0,32 0 0 20,7 0 0 0,32 0 0 36,29 0 1 0,6 0 0 65535,6 0 0 0",
}

// states are what conntrack knows of a packet.
var states = [...]string{
	plan.KnownOrRelated: "RELATED,ESTABLISHED",
	plan.Related:        "RELATED",
	plan.ReplyOfKnown:   "ESTABLISHED --ctdir REPLY",
}

func appendPorts(b []byte, p plan.Ports) []byte {
	protocol, ranges := p.Protocol.String(), p.Ranges[:p.Count()]
	b = append(append(b, "-p "...), protocol...)
	switch len(ranges) {
	case 0:
		return b
	case 1:
		b = append(append(append(b, " -m "...), protocol...), " --dport "...)
	default:
		b = append(b, " -m multiport --dports "...)
	}
	for i, r := range ranges {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(r.First), 10)
		if r.Last != r.First {
			b = strconv.AppendUint(append(b, ':'), uint64(r.Last), 10)
		}
	}
	return b
}

// maxComment keeps a comment well below the 255 bytes that the kernel takes.
const maxComment = 200

// appendNote spells a note as a comment. Only characters that need no quoting are kept.
func appendNote(b []byte, n plan.Note) []byte {
	b = append(b, "-m comment --comment "...)
	start := len(b)
	b = appendPlain(b, n.About)
	if n.Field != "" {
		b = appendPlain(append(b, ':'), strings.TrimPrefix(n.Field, "spec."))
	}
	if len(b)-start > maxComment {
		b = append(b[:start+maxComment-1], '~')
	}
	return b
}

func appendPlain(b []byte, text string) []byte {
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._/:[]~", r):
			b = append(b, byte(r))
		default:
			b = append(b, '_')
		}
	}
	return b
}
