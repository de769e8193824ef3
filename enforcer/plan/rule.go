package plan

import (
	"net/netip"
	"strings"
)

// direction is a policy type.
type direction int

const (
	ingress direction = iota
	egress
)

// String is the direction as it is spelled in field names and keys.
func (d direction) String() string { return [...]string{"ingress", "egress"}[d] }

// subject and peer say on which end of a packet the words of the specification sit.
func (d direction) subject() string { return [...]string{"dst", "src"}[d] }
func (d direction) peer() string    { return [...]string{"src", "dst"}[d] }

// dispatch is the fixed chain that leads to the direction's namespace chains.
func (d direction) dispatch() string { return [...]string{ChainIngress, ChainEgress}[d] }

// allow is one line of a namespace chain: a flow that matches all of it passes.
type allow struct {
	subjects *set // nil: every pod that the chain is entered for
	peer     peer
	ports    ports
	origin   string // for humans: which rule of which policy it comes from
}

// peer is one thing to match at the other end. The zero value matches everything.
type peer struct {
	set     *set         // pods or addresses; nil: see cidr
	cidr    netip.Prefix // one ipBlock whose excepts would need too many prefixes
	excepts *set         // goes with cidr
}

// family reports whether the peer can match in a family at all.
func (p peer) in(f Family) bool {
	if p.set != nil {
		return !p.set.empty(f)
	}
	return !p.cidr.IsValid() || familyOf(p.cidr.Addr()) == f
}

// line writes the match expression and target for a family. ok is false when the line
// could never match there.
func (a allow) line(d direction, f Family) (text string, ok bool) {
	if !a.peer.in(f) {
		return "", false
	}
	var parts []string
	if a.subjects != nil {
		parts = append(parts, a.subjects.match(f, d.subject()))
	}
	parts = append(parts, a.peer.match(d, f)...)
	parts = append(parts, a.ports.match(f)...)
	return strings.Join(append(parts, "-j RETURN"), " "), true
}

func (p peer) match(d direction, f Family) []string {
	if p.set != nil {
		return []string{p.set.match(f, d.peer())}
	}
	if !p.cidr.IsValid() {
		return nil
	}
	var parts []string
	if p.cidr.Bits() > 0 {
		flag := map[string]string{"src": "-s ", "dst": "-d "}[d.peer()]
		parts = append(parts, flag+p.cidr.String())
	}
	if !p.excepts.empty(f) {
		parts = append(parts, p.excepts.matchNot(f, d.peer()))
	}
	return parts
}

func (s *set) match(f Family, flags string) string {
	return "-m set --match-set " + s.names[f.index()] + " " + flags
}

func (s *set) matchNot(f Family, flags string) string {
	return "-m set ! --match-set " + s.names[f.index()] + " " + flags
}

// maxComment keeps a comment well below the 255 bytes that the kernel takes.
const maxComment = 200

// comment is a match that matches everything and tells humans something. Only characters
// that need no quoting are kept.
func comment(text string) string {
	if len(text) > maxComment {
		text = text[:maxComment-1] + "~"
	}
	return "-m comment --comment " + strings.Map(plain, text)
}

func plain(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-._/:[]~", r):
		return r
	}
	return '_'
}
