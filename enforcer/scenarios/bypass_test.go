package scenarios

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

const (
	isolatedX = `{podSelector: {}, policyTypes: [Ingress, Egress]}`
	egressX   = `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{}]}`
)

// ipv4Only is a cluster whose pods the API knows by IPv4 addresses alone; on their links they
// have others all the same.
func ipv4Only(s model.Snapshot) model.Snapshot {
	for i := range s.Pods {
		s.Pods[i].IPs = s.Pods[i].IPs[:1]
	}
	return s
}

// TestScenario41LinkLocal: a pod that is isolated calls its node, or another pod on its
// bridge, at its link-local address, which no object of the API shows. It takes no
// privileges, and IPv4-only clusters have such addresses too.
//
// Source: an adversarial review of this project.
//
// Level: real kernel with packets, both backends, pods with routes of their own and on a bridge.
//
// Lab: observed by the case observed-link-local-egress; judged, and on a bridge, here only.
func TestScenario41LinkLocal(t *testing.T) {
	for name, s := range map[string]model.Snapshot{"dual-stack": world(), "IPv4 only": ipv4Only(world())} {
		t.Run(name, func(t *testing.T) {
			onNodes(t, s, func(n *plugged) {
				toNode := func(text string) { n.send(n.pods["x/a"], "", nodeLocal, text) }
				n.enforce(s)
				n.expect("free x/a to its node", true, "node", "127.0.0.1", toNode)
				n.enforce(with(t, s, "x/closed", isolatedX))
				n.expect("isolated x/a to its node", false, "node", "127.0.0.1", toNode)
				n.expect("free y/a to its node", !n.bridged, "node", "127.0.0.1", func(text string) { n.send(n.pods["y/a"], "", nodeLocal, text) })
				if n.bridged {
					for _, way := range [][2]string{{"x/a", "y/a"}, {"y/a", "x/a"}} {
						from, to := n.pods[way[0]], n.pods[way[1]]
						n.expect(strings.Join(way[:], " to "), false, way[1], podOf(&s, way[1]).IPs[0].String(), func(text string) { n.send(from, "", n.localOf(to), text) })
					}
				}
				n.enforce(with(t, s, "x/open", egressX))
				n.expect("x/a, to which a rule opens everything, to its node", true, "node", "127.0.0.1", toNode)
			}, "x/a", "y/a")
		})
	}
}

// TestScenario42ForgedSource: a pod sends from an address that is not its own, as NET_RAW
// lets it: from one outside of the cluster, by which nobody is isolated, or from one of a pod
// that its target trusts.
//
// Source: an adversarial review of this project.
//
// Level: real kernel with packets, both families and backends. On a bridge, a pod can still take another's on that bridge, which the agent says.
//
// Lab: cases forged-source-egress-pod, forged-source-ingress-pod and others like them; what they only observe, and bridges, are held here.
func TestScenario42ForgedSource(t *testing.T) {
	s := world()
	onNodes(t, s, func(n *plugged) {
		n.enforce(with(t, s, "x/closed", isolatedX, "y/trust", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {pod: c}}}]}]}`))
		for i, sources := range [][]string{{"203.0.113.9", "10.0.2.13"}, {"2001:db8::9", "fd00:10:2::13"}} {
			target := podOf(&s, "y/a").IPs[i].String()
			for _, source := range sources {
				for _, from := range []string{"x/a", "x/b"} {
					n.expect(from+" as "+source, false, "y/a", target, func(text string) { n.send(n.pods[from], source, target, text) })
				}
				n.expect("the world beyond as "+source, source == sources[1], "y/a", target, func(text string) { n.send(n.far, source, target, text) })
			}
			outside := []string{"10.0.2.99", "fd00:10:2::99"}[i]
			n.expect("x/a as 203.0.113.9, to the world", false, "far", outside, func(text string) { n.send(n.pods["x/a"], sources[0], outside, text) })
			n.expect("y/a to the world", true, "far", outside, func(text string) { n.send(n.pods["y/a"], "", outside, text) })
			n.expect("y/a as itself to the world", true, "far", outside, func(text string) { n.send(n.pods["y/a"], target, outside, text) })
		}
	}, "x/a", "x/b", "y/a")
}

// TestScenario43ForwardedNeighbourDiscovery: a pod that is isolated writes to another in
// messages of neighbour discovery, which enforcers let pass since a link needs them. A router
// has taken a hop off those that it forwards; on a bridge they are what they say.
//
// Source: an adversarial review of this project.
//
// Level: real kernel with packets, both backends.
//
// Lab: observed by the cases observed-nd-egress and observed-nd-ingress; judged here only.
func TestScenario43ForwardedNeighbourDiscovery(t *testing.T) {
	s := world()
	onNodes(t, s, func(n *plugged) {
		from, to := podOf(&s, "x/a").IPs[1], podOf(&s, "y/a").IPs[1]
		n.listenAt(n.pods["y/a"], "y/a", "ip6:ipv6-icmp", "::")
		solicit := func(kind byte) func(string) {
			return func(text string) { n.do(n.pods["x/a"], func() error { return message(from, to, kind, text) }) }
		}
		n.enforce(s)
		n.expect("neighbour solicitation of a free pod", true, "y/a", to.String(), solicit(135))
		n.enforce(with(t, s, "x/closed", isolatedX))
		n.expect("echo request", false, "y/a", to.String(), solicit(128))
		n.expect("neighbour solicitation", n.bridged, "y/a", to.String(), solicit(135))
	}, "x/a", "y/a")
}

// TestScenario44TwoPodsOneAddress: two pods that run have one address, as after the reboot of a
// node, or while one of them ends. Whoever has it now is held to the policies of both, whatever
// their names, and is nobody's peer, until the old one's record shows its new address.
//
// Source: antrea#3468, and an adversarial review of this project.
//
// Level: agent between fake API server and simulated kernel.
//
// Lab: not on the lab, whose nodes give each address to one pod.
func TestScenario44TwoPodsOneAddress(t *testing.T) {
	const address = "10.0.1.200"
	for _, stale := range []string{"x/stale", "z/stale", "y/stale"} {
		t.Run(stale, func(t *testing.T) {
			s := with(t, world(), stale[:1]+"/open", `{podSelector: {matchLabels: {pod: stale}}, ingress: [{}], egress: [{}], policyTypes: [Ingress, Egress]}`,
				"y/closed", `{podSelector: {matchLabels: {pod: heir}}, policyTypes: [Ingress, Egress]}`,
				"x/peers", `{podSelector: {matchLabels: {pod: b}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {pod: stale}}}]}]}`)
			old, heir := pod(stale, "n1", address), pod("y/heir", "n1", address)
			s.Pods = append(s.Pods, old)
			b := newBench(t)
			b.load(s)
			b.start()
			b.Until("the stale pod is open, and a peer", b.all(s, "x/a > "+address+":80/TCP allow", address+" > x/b:80/TCP allow"))
			b.API.Set(apiPod(heir))
			b.Until("both must allow", b.all(s, "x/a > "+address+":80/TCP deny", address+" > x/a:80/TCP deny"))
			b.Until("it is nobody's peer", b.all(s, address+" > x/b:80/TCP deny"))
			moved := pod(stale, "n1", "10.0.1.201")
			b.API.Set(apiPod(moved))
			s.Pods = append(s.Pods, moved)
			b.Until("settled", b.all(s, "x/a > "+address+":80/TCP deny", "x/a > 10.0.1.201:80/TCP allow", "10.0.1.201 > x/b:80/TCP allow"))
		})
	}
}

// TestScenario45InheritedFlows: a pod ends, its neighbour goes on sending, and the next pod with
// that address, under default deny, gets the packets of a flow that it never let in. The flows
// of other addresses live on.
//
// Source: an adversarial review of this project, felix#623.
//
// Level: real kernel with packets, both families and backends; when flows are forgotten, enforcer/agent tells.
//
// Lab: cases address-reused-old-flow-ingress, address-reused-old-flow-egress.
func TestScenario45InheritedFlows(t *testing.T) {
	s := world()
	closed := with(t, s, "y/closed", isolatedX)
	onNodes(t, s, func(n *plugged) {
		for i, local := range []string{"10.0.1.1", "fd00:10:1::1"} {
			heir, other := podOf(&s, "y/a").IPs[i], podOf(&s, "y/b").IPs[i]
			n.enforce(s)
			for _, network := range []string{"udp", "tcp"} {
				toHeir, toOther := n.open(network, "x/a", "y/a", heir), n.open(network, "x/a", "y/b", other)
				n.enforce(closed)
				if !toHeir.answers() || !toOther.answers() {
					t.Errorf("%s from %s: an open flow ended with a policy", network, local)
				}
				n.do(n.node, func() error {
					k, err := host.New().Forget([]netip.Addr{heir})
					if k == 0 {
						t.Errorf("no flow of %s was forgotten", heir)
					}
					return err
				})
				if toHeir.answers() {
					t.Errorf("%s: the heir answers its predecessor's flow", network)
				}
				if !toOther.answers() {
					t.Errorf("%s: another flow ended", network)
				}
				n.enforce(s)
			}
		}
	}, "x/a", "y/a", "y/b")
}

// TestScenario46OwnService: a pod that is isolated reaches itself by its Service, as a pod can't
// block access to itself; another can't pretend to be it.
//
// Source: an adversarial review of this project, k8s#125611.
//
// Level: real kernel with packets, both backends. On a bridge, where pods can take each other's addresses, it stays closed.
//
// Lab: observed in each run that has a Service, and not judged.
func TestScenario46OwnService(t *testing.T) {
	s := world()
	onNodes(t, s, func(n *plugged) {
		own := podOf(&s, "x/a").IPs
		for i, tool := range []string{"iptables-" + string(n.backend), "ip6tables-" + string(n.backend)} {
			vip := []string{laneVIP, "fd00:96::10"}[i]
			for _, rule := range []string{"PREROUTING -d " + vip + " -j DNAT --to-destination " + own[i].String(), fmt.Sprintf("POSTROUTING -s %[1]s -d %[1]s -j MASQUERADE", own[i])} {
				run(t, inside{n.node}, tool+" -w 5 -t nat -A "+rule, "")
			}
			n.enforce(with(t, s, "x/closed", isolatedX))
			n.expect("x/a to its Service", !n.bridged, "x/a", own[i].String(), func(text string) { n.send(n.pods["x/a"], "", vip, text) })
			n.expect("x/b to the Service", false, "x/a", own[i].String(), func(text string) { n.send(n.pods["x/b"], "", vip, text) })
			for _, from := range []string{"x/b", "y/a"} {
				n.expect(from+" as x/a", false, "x/a", own[i].String(), func(text string) { n.send(n.pods[from], own[i].String(), own[i].String(), text) })
			}
			n.expect("the world as x/a", false, "x/a", own[i].String(), func(text string) { n.send(n.far, own[i].String(), own[i].String(), text) })
		}
	}, "x/a", "x/b", "y/a")
}

// echoed is an open flow to an echo server.
type echoed struct{ net.Conn }

// open opens a flow of a pod to an echo server in another, and sees it answered.
func (n *plugged) open(network, from, to string, address netip.Addr) echoed {
	n.t.Helper()
	at := netip.AddrPortFrom(address, 7).String()
	n.do(n.pods[to], func() error { return echo(n.t, network, at) })
	var c net.Conn
	n.do(n.pods[from], func() (err error) {
		c, err = net.Dial(network, at)
		return err
	})
	n.t.Cleanup(func() { _ = c.Close() })
	e := echoed{c}
	if !e.answers() {
		n.t.Fatalf("%s to %s: no answer", network, at)
	}
	return e
}

// answers reports whether the other end still answers, of which a datagram or two may be lost.
func (e echoed) answers() bool {
	b := make([]byte, 16)
	for range 3 {
		_ = e.SetDeadline(time.Now().Add(silence))
		if _, err := e.Write([]byte("x")); err != nil {
			return false
		}
		if _, err := e.Read(b); err == nil {
			return true
		}
	}
	return false
}

// echo answers at an address until the test ends.
func echo(t *testing.T, network, at string) error {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket(network, at)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = c.Close() })
		go func() {
			b := make([]byte, 16)
			for {
				n, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = c.WriteTo(b[:n], from)
			}
		}()
		return nil
	}
	l, err := net.Listen(network, at)
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return nil
}

// localOf is the link-local address in a pod's namespace.
func (n *plugged) localOf(ns *sandbox.NetNS) string {
	n.t.Helper()
	var found string
	err := ns.Do(func() error {
		ips, err := host.New().Addresses()
		for _, ip := range ips {
			if ip.IsLinkLocalUnicast() && ip.Is6() {
				found = ip.WithZone("").String()
			}
		}
		return err
	})
	if err != nil || found == "" {
		n.t.Fatalf("no link-local address: %v", err)
	}
	return found
}
