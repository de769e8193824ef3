package iptsim

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exampleSets and exampleRules are a small rule set with every construct.
const (
	exampleSets = `create addr hash:ip family inet hashsize 1024 maxelem 65536
add addr 10.0.0.1
create nets hash:net family inet hashsize 1024 maxelem 65536
add nets 10.0.0.0/8
create svc hash:ip,port family inet hashsize 1024 maxelem 65536
add svc 10.0.0.2,tcp:80
add svc 10.0.0.2,udp:53
create addr6 hash:ip family inet6 hashsize 1024 maxelem 65536
add addr6 fd00::1
`
	exampleRules = `# a comment
*mangle
:OWN - [0:0]
:GOTO - [0:0]
:PORTS - [0:0]
-A OWN -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A OWN -m set --match-set addr src -m comment --comment to-the-goto-chain -g GOTO
-A OWN -s 10.9.0.0/16 -j PORTS
-A OWN -s 192.0.2.0/24 ! -d 198.51.100.0/24 -j DROP
-A OWN -m set --match-set nets src -j DROP
-A OWN -m set --match-set svc dst,dst -j DROP
-A GOTO -p tcp -m tcp --dport 80 -j RETURN
-A GOTO -p udp -m multiport --dports 53,1000:2000 -j RETURN
-A GOTO -m set ! --match-set nets dst -j ACCEPT
-A GOTO -j DROP
-A PORTS -p sctp -m sctp --dport 7:9 -j RETURN
-A PORTS -j DROP
-I FORWARD -j OWN
-A INPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN
-A INPUT -j DROP
COMMIT
`
	exampleRules6 = `*mangle
:OWN - [0:0]
-A OWN -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j RETURN
-A OWN -m set --match-set addr6 src -j DROP
-I FORWARD -j OWN
COMMIT
`
)

func example(t testing.TB) *Machine {
	t.Helper()
	m := New()
	must(t, m.RestoreSets(strings.NewReader(exampleSets), false))
	must(t, m.RestoreRules(IPv4, strings.NewReader(exampleRules)))
	must(t, m.RestoreRules(IPv6, strings.NewReader(exampleRules6)))
	return m
}

func TestWalk(t *testing.T) {
	m := example(t)
	for _, tc := range []struct {
		name   string
		hook   string
		packet Packet
		want   Verdict
		rules  int // how many matched, the hook's jump included
	}{
		{"nothing matches", "FORWARD", packet("172.16.0.1", "172.16.0.2", "tcp", 80), Accept, 1},
		{"another hook", "OUTPUT", packet("10.2.0.1", "172.16.0.2", "tcp", 80), Accept, 0},
		{"a set of networks", "FORWARD", packet("10.2.0.1", "172.16.0.2", "tcp", 80), Drop, 2},
		{"address, protocol and port", "FORWARD", packet("172.16.0.1", "10.0.0.2", "tcp", 80), Drop, 2},
		{"another protocol", "FORWARD", packet("172.16.0.1", "10.0.0.2", "udp", 80), Accept, 1},
		{"goto, then RETURN ends the caller too", "FORWARD", packet("10.0.0.1", "10.0.0.2", "tcp", 80), Accept, 3},
		{"goto, then DROP", "FORWARD", packet("10.0.0.1", "10.3.0.2", "tcp", 81), Drop, 3},
		{"goto, then ACCEPT by negated set", "FORWARD", packet("10.0.0.1", "172.16.0.2", "tcp", 81), Accept, 3},
		{"multiport, single", "FORWARD", packet("10.0.0.1", "10.3.0.2", "udp", 53), Accept, 3},
		{"multiport, last of the range", "FORWARD", packet("10.0.0.1", "10.3.0.2", "udp", 2000), Accept, 3},
		{"multiport, after the range", "FORWARD", packet("10.0.0.1", "10.3.0.2", "udp", 2001), Drop, 3},
		{"jump, RETURN, and on in the caller", "FORWARD", packet("10.9.0.1", "172.16.0.2", "sctp", 8), Drop, 4},
		{"jump, DROP", "FORWARD", packet("10.9.0.1", "172.16.0.2", "sctp", 10), Drop, 3},
		{"negated destination", "FORWARD", packet("192.0.2.1", "172.16.0.2", "tcp", 1), Drop, 2},
		{"destination in the negated prefix", "FORWARD", packet("192.0.2.1", "198.51.100.2", "tcp", 1), Accept, 1},
		{"established", "FORWARD", known(packet("10.2.0.1", "172.16.0.2", "tcp", 80), Established, false), Accept, 2},
		{"related", "FORWARD", known(packet("10.2.0.1", "172.16.0.2", "tcp", 80), Related, false), Accept, 2},
		{"invalid is not established", "FORWARD", known(packet("10.2.0.1", "172.16.0.2", "tcp", 80), Invalid, false), Drop, 2},
		{"established, original direction", "INPUT", known(packet("10.2.0.1", "172.16.0.2", "tcp", 80), Established, false), Drop, 1},
		{"established, reply direction", "INPUT", known(packet("10.2.0.1", "172.16.0.2", "tcp", 80), Established, true), Accept, 1},
		{"IPv6", "FORWARD", packet("fd00::1", "fd00::2", "tcp", 80), Drop, 2},
		{"IPv6, other source", "FORWARD", packet("fd00::2", "fd00::1", "tcp", 80), Accept, 1},
		{"neighbour solicitation", "FORWARD", icmp6(135), Accept, 2},
		{"echo request", "FORWARD", icmp6(128), Drop, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := m.Walk(tc.hook, tc.packet)
			must(t, err)
			if got.Verdict != tc.want || len(got.Steps) != tc.rules {
				t.Errorf("want %s after %d rules, got:\n%s", tc.want, tc.rules, got)
			}
		})
	}
}

func TestWalkRefuses(t *testing.T) {
	m := example(t)
	if _, err := m.Walk("OWN", packet("10.0.0.1", "10.0.0.2", "tcp", 1)); err == nil {
		t.Error("walked a chain that is no hook")
	}
	if _, err := m.Walk("FORWARD", packet("10.0.0.1", "fd00::1", "tcp", 1)); err == nil {
		t.Error("walked a packet of two families")
	}
}

func TestTraceNamesRulesAndComments(t *testing.T) {
	got, err := example(t).Walk("FORWARD", packet("10.0.0.1", "10.3.0.2", "tcp", 81))
	must(t, err)
	want := []Step{
		{"FORWARD", "-j OWN", "", 0},
		{"OWN", "-m set --match-set addr src -m comment --comment to-the-goto-chain -g GOTO", "to-the-goto-chain", 1},
		{"GOTO", "-j DROP", "", 3},
	}
	if diff := cmp.Diff(want, got.Steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Every line is wrong in a way that must not be skipped over.
func TestRestoreRulesRefuses(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"unknown module", "-A OWN -m recent --set -j DROP", "unknown match module"},
		{"unknown option", "-A OWN --tcp-flags SYN -j DROP", "unknown option"},
		{"option before its module", "-A OWN --match-set addr src -j DROP", "needs -m set"},
		{"unknown set", "-A OWN -m set --match-set none src -j DROP", "no such set"},
		{"set of the other family", "-A OWN -m set --match-set addr6 src -j DROP", "of family inet6"},
		{"too few dimensions", "-A OWN -m set --match-set svc dst -j DROP", "needs 2"},
		{"too many dimensions", "-A OWN -m set --match-set addr src,dst -j DROP", "needs 1"},
		{"unknown flag of a set", "-A OWN -m set --match-set addr from -j DROP", "neither src nor dst"},
		{"no flags", "-A OWN -m set --match-set addr", "src or dst should be"},
		{"port without protocol", "-A OWN -m tcp --dport 80 -j DROP", "needs -p tcp"},
		{"port without module", "-A OWN -p tcp --dport 80 -j DROP", "-m of the protocol"},
		{"port too large", "-A OWN -p tcp -m tcp --dport 65536 -j DROP", "not a port"},
		{"range backwards", "-A OWN -p tcp -m tcp --dport 9:8 -j DROP", "backwards"},
		{"16 slots", "-A OWN -p tcp -m multiport --dports 1,3,5,7,9,11,13,15,17,19,21,23,25,27,30:31 -j DROP", "too many ports"},
		{"list in --dport", "-A OWN -p tcp -m tcp --dport 80,81 -j DROP", "too many ports"},
		{"unknown state", "-A OWN -m conntrack --ctstate OPEN -j DROP", "unknown state"},
		{"unknown direction", "-A OWN -m conntrack --ctdir BACK -j DROP", "neither ORIGINAL nor REPLY"},
		{"unknown protocol", "-A OWN -p 99 -j DROP", "unknown protocol"},
		{"ICMPv6 on IPv4", "-A OWN -p ipv6-icmp -j DROP", "not a protocol of IPv4"},
		{"host bits", "-A OWN -s 10.0.0.1/8 -j DROP", "without host bits"},
		{"other family", "-A OWN -s fd00::/8 -j DROP", "of family inet"},
		{"no target", "-A OWN -s 10.0.0.0/8", "no target"},
		{"two targets", "-A OWN -j DROP -j DROP", "second target"},
		{"goto a target", "-A OWN -g DROP", "only a chain"},
		{"target that is not there", "-A OWN -j NOWHERE", "no target"},
		{"jump to a built-in chain", "-A OWN -j INPUT", "built-in"},
		{"negated comment", "-A OWN -m comment ! --comment x -j DROP", "cannot be negated"},
		{"old negation", "-A OWN -s ! 10.0.0.0/8 -j DROP", "belongs before"},
		{"long comment", "-A OWN -m comment --comment " + strings.Repeat("x", 256) + " -j DROP", "above 255"},
		{"quote", `-A OWN -m comment --comment "x" -j DROP`, "quote"},
		{"long chain", ":" + strings.Repeat("C", 29) + " - [0:0]", "29 bytes"},
		{"chain named as a target", ":DROP - [0:0]", "cannot be"},
		{"bad declaration", ":X -", "not a chain declaration"},
		{"policy of a chain of one's own", ":X ACCEPT [0:0]", "only a built-in"},
		{"chain that is not there", "-A NOWHERE -j DROP", "no such chain"},
		{"loop", "-A OWN -j OWN", "back to itself"},
		{"delete a chain in use", "-X GOTO", "only an empty chain"},
		{"unknown command", "-R OWN 1 -j DROP", "unknown command"},
		{"position", "-I OWN 1 -j DROP", "unknown option"},
		{"rule to delete is not there", "-D OWN -s 10.0.0.0/9 -j DROP", "no such rule"},
		{"another table inside", "*filter", "not committed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := example(t)
			before := dump(m)
			err := m.RestoreRules(IPv4, strings.NewReader("*mangle\n-A OWN -j RETURN\n"+tc.line+"\nCOMMIT\n"))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want %q", err, tc.want)
			}
			if diff := cmp.Diff(before, dump(m)); diff != "" {
				t.Errorf("a failed restore has left something behind (-before +after):\n%s", diff)
			}
		})
	}
}

func TestRestoreRulesNeedsFrame(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no table", "-A OWN -j DROP\n", "outside of a table"},
		{"unknown table", "*filter\nCOMMIT\n", "unknown table"},
		{"no commit", "*mangle\n", "without COMMIT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := New().RestoreRules(IPv4, strings.NewReader(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want %q", err, tc.want)
			}
		})
	}
}

// One commit replaces the reference and drops what it referred to.
func TestReplaceAndDeleteInOneCommit(t *testing.T) {
	m := example(t)
	must(t, m.RestoreRules(IPv4, strings.NewReader(`*mangle
:OWN - [0:0]
:GOTO - [0:0]
:PORTS - [0:0]
-A OWN -j RETURN
-X GOTO
-X PORTS
COMMIT
`)))
	if diff := cmp.Diff([]string{"OWN"}, m.Chains(IPv4)); diff != "" {
		t.Errorf("chains (-want +got):\n%s", diff)
	}
	must(t, m.RestoreSets(strings.NewReader("destroy addr\ndestroy nets\ndestroy svc\n"), false))
	if diff := cmp.Diff([]string{"addr6"}, m.Sets()); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
}

func TestRestoreSetsRefuses(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"unknown type", "create x list:set", "unknown set type"},
		{"unknown option", "create x hash:ip timeout 5", "or option"},
		{"there already", "create addr hash:ip family inet hashsize 1024 maxelem 65536", "there already"},
		{"long name", "create " + strings.Repeat("x", 32) + " hash:ip", "32 bytes"},
		{"zero length", "add nets 0.0.0.0/0", "takes no /0"},
		{"host bits", "add nets 10.0.0.1/8", "host bits"},
		{"leading zeros", "add nets 010.0.0.0/8", "not a prefix"},
		{"other family", "add nets fd00::/8", "not a prefix of family inet"},
		{"prefix in a set of addresses", "add addr 10.0.0.0/24", "is a prefix"},
		{"no port", "add svc 10.0.0.1", "number of parts"},
		{"no protocol", "add svc 10.0.0.1,80", "not protocol:port"},
		{"in it already", "add addr 10.0.0.1", "already in the set"},
		{"not in it", "del addr 10.0.0.9", "not in the set"},
		{"no such set", "add none 10.0.0.1", "no such set"},
		{"destroy in use", "destroy addr", "a rule refers"},
		{"rename in use", "rename addr new", "a rule refers"},
		{"rename to a name in use", "rename free svc", "has the new name"},
		{"unknown command of two sets", "swap addr svc", "unknown command"},
		{"unknown command", "list addr", "unknown command"},
		{"nomatch in a set of addresses", "add addr 10.0.0.7 nomatch", "number of words"},
		{"full", "add one 10.0.0.2", "full"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := example(t)
			must(t, m.RestoreSets(strings.NewReader("create free hash:ip\ncreate one hash:ip maxelem 1\nadd one 10.0.0.1\n"), false))
			err := m.RestoreSets(strings.NewReader("create before hash:ip\n"+tc.line+"\ncreate after hash:ip\n"), false)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want %q", err, tc.want)
			}
			if m.sets["before"] == nil || m.sets["after"] != nil {
				t.Error("lines before the failing one must count, those after it must not")
			}
		})
	}
}

func TestSetCommands(t *testing.T) {
	m := New()
	must(t, m.RestoreSets(strings.NewReader(`create a hash:ip
create b hash:ip
add b 10.0.0.1
add a 10.0.0.2
rename a c
del b 10.0.0.1
add b 10.0.0.3
flush c
create b hash:ip
add b 10.0.0.3
del b 10.0.0.9
`), true))
	if diff := cmp.Diff([]string{"b", "c"}, m.Sets()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for addr, want := range map[string]bool{"10.0.0.1": false, "10.0.0.2": false, "10.0.0.3": true} {
		if got := m.sets["b"].contains(netip.MustParseAddr(addr), member{}); got != want {
			t.Errorf("b contains %s: %t", addr, got)
		}
	}
	if len(m.sets["c"].members) != 0 {
		t.Error("c is not flushed")
	}
	if err := m.RestoreSets(strings.NewReader("create b hash:ip maxelem 9\n"), true); err == nil || !strings.Contains(err.Error(), "other properties") {
		t.Errorf("created b with other properties: %v", err)
	}
}

func TestCloneIsIndependent(t *testing.T) {
	m := example(t)
	c := m.Clone()
	before := dump(c)
	must(t, m.RestoreSets(strings.NewReader("add addr 10.9.9.9\n"), false))
	must(t, m.RestoreRules(IPv4, strings.NewReader("*mangle\n-F OWN\nCOMMIT\n")))
	if diff := cmp.Diff(before, dump(c)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// No input may crash the parser, hang it, or leave a table behind that a packet cannot be
// walked through.
func FuzzRestoreRules(f *testing.F) {
	f.Add(exampleRules, "10.0.0.1", "10.0.0.2", uint16(80))
	f.Add("*mangle\n:A - [0:0]\n:B - [0:0]\n-A A -g B\n-A B ! -p tcp -j A\nCOMMIT\n", "10.0.0.1", "10.9.0.2", uint16(53))
	f.Add("*mangle\n-A FORWARD -m comment --comment a -j DROP\n-D FORWARD -j OWN\n-X OWN\nCOMMIT\n", "1.1.1.1", "2.2.2.2", uint16(0))
	f.Fuzz(func(t *testing.T, text, src, dst string, port uint16) {
		m := example(t)
		before := dump(m)
		if err := m.RestoreRules(IPv4, strings.NewReader(text)); err != nil && !strings.Contains(text, "COMMIT") {
			if diff := cmp.Diff(before, dump(m)); diff != "" {
				t.Fatalf("nothing is committed, yet (-before +after):\n%s", diff)
			}
		}
		s, err1 := netip.ParseAddr(src)
		d, err2 := netip.ParseAddr(dst)
		if err1 != nil || err2 != nil || !s.Is4() || !d.Is4() {
			return
		}
		if _, err := m.Walk("FORWARD", Packet{Src: s, Dst: d, Protocol: "tcp", DstPort: port, State: NewFlow}); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzRestoreSets(f *testing.F) {
	f.Add(exampleSets)
	f.Add("create a hash:net family inet6\nadd a ::/1\nrename a b\nflush b\ndestroy b\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := New()
		_ = m.RestoreSets(strings.NewReader(text), len(text)%2 == 0)
		for _, s := range m.sets {
			s.contains(netip.MustParseAddr("10.0.0.1"), member{protocol: "tcp", port: 80})
			s.contains(netip.MustParseAddr("fd00::1"), member{protocol: "tcp", port: 80})
			if len(s.members) > s.maxelem {
				t.Fatalf("%d members in a set of %d", len(s.members), s.maxelem)
			}
		}
	})
}

// dump is all that a machine holds, as text.
func dump(m *Machine) map[string][]string {
	out := map[string][]string{"sets": m.Sets()}
	for name, s := range m.sets {
		for e := range s.members {
			out["set "+name] = append(out["set "+name], e.prefix.String())
		}
		slices.Sort(out["set "+name])
	}
	for f, t := range m.tables {
		for name, c := range t {
			for _, r := range c.rules {
				out[string(f)+" "+name] = append(out[string(f)+" "+name], r.text)
			}
		}
	}
	return out
}

func packet(src, dst, protocol string, port uint16) Packet {
	return Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: protocol, SrcPort: 40000, DstPort: port, State: NewFlow}
}

func icmp6(kind uint8) Packet {
	p := packet("fd00::1", "fd00::2", "ipv6-icmp", 0)
	p.ICMPType = kind
	return p
}

func known(p Packet, s State, reply bool) Packet {
	p.State, p.Reply = s, reply
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
