package scenarios

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// world is the cluster of most scenarios: namespaces x, y and z with pods a, b and c each,
// dual-stack, one of each namespace on either of the nodes n1 and n2. Nothing is isolated.
func world() model.Snapshot {
	s := model.Snapshot{Nodes: []model.Node{
		{Name: "n1", IPs: []netip.Addr{netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("fd00:a::1")}},
		{Name: "n2", IPs: []netip.Addr{netip.MustParseAddr("192.168.0.2"), netip.MustParseAddr("fd00:a::2")}},
	}}
	for i, ns := range []string{"x", "y", "z"} {
		s.Namespaces = append(s.Namespaces, model.Namespace{Name: ns, Labels: map[string]string{"ns": ns}})
		for j, name := range []string{"a", "b", "c"} {
			node, last := "n1", 10*(i+1)+j+1
			if name == "c" {
				node = "n2"
			}
			s.Pods = append(s.Pods, pod(ns+"/"+name, node, fmt.Sprintf("10.0.%s.%d", node[1:], last), fmt.Sprintf("fd00:10:%s::%d", node[1:], last)))
		}
	}
	return s
}

// pod is a pod with the label pod=NAME, a port web (80/TCP) and a port dns (53/UDP).
func pod(key, node string, ips ...string) model.Pod {
	ns, name, _ := strings.Cut(key, "/")
	p := model.Pod{
		UID: "uid-" + key, Namespace: ns, Name: name, Node: node, Labels: map[string]string{"pod": name},
		Ports: []model.Port{{Name: "web", Number: 80, Protocol: corev1.ProtocolTCP}, {Name: "dns", Number: 53, Protocol: corev1.ProtocolUDP}},
	}
	for _, ip := range ips {
		p.IPs = append(p.IPs, netip.MustParseAddr(ip))
	}
	return p
}

// with is a snapshot with more policies, each given as NS/NAME and the YAML of its spec (in
// which a bare y is a boolean).
func with(t testing.TB, s model.Snapshot, policies ...string) model.Snapshot {
	t.Helper()
	s.Policies = slices.Clone(s.Policies)
	for i := 0; i+1 < len(policies); i += 2 {
		p := policy(t, policies[i], policies[i+1])
		s.Policies = append(s.Policies, p)
	}
	return s
}

func policy(t testing.TB, key, spec string) *netv1.NetworkPolicy {
	t.Helper()
	p := &netv1.NetworkPolicy{}
	p.Namespace, p.Name, _ = strings.Cut(key, "/")
	p.UID, p.Generation = "uid-1", 1
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatalf("%v in:\n%s", err, spec)
	}
	return p
}

// podOf finds a pod to change.
func podOf(s *model.Snapshot, key string) *model.Pod {
	for i := range s.Pods {
		if s.Pods[i].Key() == key {
			return &s.Pods[i]
		}
	}
	panic("no pod " + key)
}

// addr is the address that a word stands for: a pod (x/a its first address, x/a6 its
// second), a node (n1, n16), or an address.
func addr(s model.Snapshot, word string) netip.Addr {
	if a, err := netip.ParseAddr(word); err == nil {
		return a
	}
	name, n := word, 0
	if rest, six := strings.CutSuffix(word, "6"); six {
		name, n = rest, 1
	}
	for _, p := range s.Pods {
		if p.Key() == name {
			return p.IPs[n]
		}
	}
	for _, node := range s.Nodes {
		if node.Name == name {
			return node.IPs[n]
		}
	}
	panic("no address of " + word)
}

// flow reads "x/a > y/b:80/TCP".
func flow(s model.Snapshot, text string) model.Flow {
	client, rest, _ := strings.Cut(text, " > ")
	at := strings.LastIndexByte(rest, ':')
	number, protocol, _ := strings.Cut(rest[at+1:], "/")
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		panic(err)
	}
	return model.Flow{Client: addr(s, client), Server: addr(s, rest[:at]), Protocol: corev1.Protocol(protocol), Port: uint16(port)}
}

// judge compares three voices: what the scenario's author says of each flow ("x/a >
// y/b:80/TCP allow"), what the oracle reads in the specification, and what becomes of the
// packet in the rendered rules.
func judge(t *testing.T, s model.Snapshot, pins ...string) {
	t.Helper()
	n, err := simnet.Build(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	judgeIn(t, n, s, pins...)
}

func judgeIn(t *testing.T, n *simnet.Network, s model.Snapshot, pins ...string) {
	t.Helper()
	verdicts := map[string]model.Verdict{"allow": model.Allow, "deny": model.Deny}
	for _, pin := range pins {
		at := strings.LastIndexByte(pin, ' ')
		// "deny?" is our choice where the specification leaves it open.
		word, open := strings.CutSuffix(pin[at+1:], "?")
		f, want := flow(s, pin[:at]), verdicts[word]
		said := oracle.Evaluate(s, f)
		if open && said.Verdict == model.Undefined {
			said.Verdict = want
		}
		got, log, err := n.Judge(f)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" || said.Verdict != want || got != want {
			t.Errorf("%s: want %s, the oracle says %s (%s), the rules %s:\n%s", pin, want, said.Verdict, said.Reason, got, log)
		}
	}
}

// agree holds the rules against the oracle for flows of all pairs of the given ends, on
// all given ports, and wants verdicts of both kinds among them.
func agree(t *testing.T, s model.Snapshot, ends []string, ports ...string) {
	t.Helper()
	n, err := simnet.Build(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	agreeIn(t, n, s, ends, ports...)
}

func agreeIn(t *testing.T, n *simnet.Network, s model.Snapshot, ends []string, ports ...string) {
	t.Helper()
	count := map[model.Verdict]int{}
	for _, f := range pairs(s, ends, ports) {
		want := oracle.Evaluate(s, f)
		got, log, err := n.Judge(f)
		if err != nil {
			t.Fatal(err)
		}
		count[want.Verdict]++
		if want.Verdict != model.Undefined && got != want.Verdict {
			t.Errorf("%s: the oracle says %s (%s), the rules %s:\n%s", f, want.Verdict, want.Reason, got, log)
		}
	}
	if count[model.Allow] == 0 || count[model.Deny] == 0 {
		t.Errorf("nothing to tell apart: %v", count)
	}
}

// pairs are the flows between all ends of one family, one of which is a pod at least.
func pairs(s model.Snapshot, ends, ports []string) []model.Flow {
	pods := map[netip.Addr]bool{}
	for _, p := range s.Pods {
		for _, ip := range p.IPs {
			pods[ip] = true
		}
	}
	var out []model.Flow
	for _, client := range ends {
		for _, server := range ends {
			c, d := addr(s, client), addr(s, server)
			if c == d || c.Is4() != d.Is4() || !pods[c] && !pods[d] {
				continue
			}
			for _, port := range ports {
				out = append(out, flow(s, c.String()+" > "+d.String()+":"+port))
			}
		}
	}
	return out
}

// everybody are the ends that world has.
func everybody(s model.Snapshot) []string {
	ends := []string{"203.0.113.9", "2001:db8::9"}
	for _, p := range s.Pods {
		for _, ip := range p.IPs {
			ends = append(ends, ip.String())
		}
	}
	for _, n := range s.Nodes {
		for _, ip := range n.IPs {
			ends = append(ends, ip.String())
		}
	}
	return ends
}
