package scenarios

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// plugged is node n1 of a cluster with some of its pods, and one host beyond it that all other
// addresses are routed to: network namespaces with no way out.
type plugged struct {
	*lane
	backend kernel.Backend
	kernel  *kernel.Kernel
	bridged bool
	pods    map[string]*sandbox.NetNS
	far     *sandbox.NetNS

	mu   sync.Mutex
	seen map[string]int // by what a datagram said
}

const (
	// anywhere is the port that everybody listens at.
	anywhere = 5353
	// nodeLocal is the node's link-local address at its pods' links.
	nodeLocal = "fe80::1"
)

// onNodes runs a test with pods that are routed, each by a link of its own, and with pods on
// a bridge; on both backends.
func onNodes(t *testing.T, s model.Snapshot, test func(n *plugged), pods ...string) {
	t.Helper()
	onBackends(t, func(t *testing.T, b kernel.Backend) {
		for _, bridged := range []bool{false, true} {
			t.Run(map[bool]string{false: "routed", true: "bridged"}[bridged], func(t *testing.T) {
				test(newPlugged(t, b, s, bridged, pods...))
			})
		}
	})
}

func newPlugged(t *testing.T, b kernel.Backend, s model.Snapshot, bridged bool, pods ...string) *plugged {
	t.Helper()
	n := &plugged{
		lane: &lane{t: t, node: newNS(t)}, backend: b, bridged: bridged, far: newNS(t),
		pods: map[string]*sandbox.NetNS{}, seen: map[string]int{},
	}
	n.kernel = kernel.New(kernel.Options{Backend: b, Runner: inside{n.node}})
	for _, ns := range []*sandbox.NetNS{n.node, n.far} {
		n.do(ns, quiet)
	}
	if bridged {
		n.exec(n.node, "ip link add name br0 type bridge", "ip address add 10.0.1.1/24 dev br0", "ip address add fd00:10:1::1/64 dev br0 nodad",
			"ip address add "+nodeLocal+"/64 dev br0 nodad", "ip link set br0 up")
	}
	for i, key := range pods {
		n.plug(fmt.Sprint("v", i), key, podOf(&s, key).IPs)
	}
	n.do(n.node, func() error { return veth("wan", "eth0", n.far) })
	n.exec(n.node, "ip link set wan up", "ip address add 169.254.1.1/32 dev wan", "ip address add "+nodeLocal+"/64 dev wan nodad",
		"ip route add 10.0.2.99 dev wan", "ip -6 route add fd00:10:2::99 dev wan", "ip route add default dev wan", "ip -6 route add default dev wan")
	n.wire(n.far, "10.0.2.99/32", "fd00:10:2::99/128")
	n.listen(n.far, "far")
	n.listen(n.node, "node")
	n.exec(n.node, "ip link set lo up")
	return n
}

// quiet makes a namespace forward, without waits and filters of its own.
func quiet() error {
	for file, value := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv6/conf/default/accept_dad": "0",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0", "ipv6/conf/all/disable_ipv6": "0",
	} {
		if err := os.WriteFile("/proc/sys/net/"+file, []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// plug makes a pod's namespace.
func (n *plugged) plug(link, key string, ips []netip.Addr) {
	n.t.Helper()
	ns := newNS(n.t)
	n.pods[key] = ns
	n.do(ns, quiet)
	n.do(n.node, func() error { return veth(link, "eth0", ns) })
	if n.bridged {
		n.exec(n.node, "ip link set "+link+" master br0 up")
		n.exec(ns, "ip link set lo up", "ip link set eth0 up", "ip -6 route add default via "+nodeLocal+" dev eth0")
		for _, ip := range ips {
			n.exec(ns, fmt.Sprintf("ip address add %s/%d dev eth0 nodad", ip, map[bool]int{true: 24, false: 64}[ip.Is4()]))
		}
		n.exec(ns, "ip route add default via 10.0.1.1")
	} else {
		n.exec(n.node, "ip link set "+link+" up", "ip address add 169.254.1.1/32 dev "+link, "ip address add "+nodeLocal+"/64 dev "+link+" nodad")
		var own []string
		for _, ip := range ips {
			own = append(own, fmt.Sprintf("%s/%d", ip, ip.BitLen()))
			n.exec(n.node, fmt.Sprintf("ip route add %s dev %s", ip, link))
		}
		n.wire(ns, own...)
	}
	n.listen(ns, key)
}

// wire gives a namespace its addresses, and the node as its router.
func (n *plugged) wire(ns *sandbox.NetNS, own ...string) {
	n.t.Helper()
	n.exec(ns, "ip link set lo up", "ip link set eth0 up")
	for _, ip := range own {
		n.exec(ns, "ip address add "+ip+" dev eth0 nodad")
	}
	n.exec(ns, "ip route add 169.254.1.1 dev eth0", "ip route add default via 169.254.1.1 dev eth0", "ip -6 route add default via "+nodeLocal+" dev eth0")
}

// listen counts datagrams that arrive in a namespace, by receiver and content.
func (n *plugged) listen(ns *sandbox.NetNS, name string) {
	n.t.Helper()
	n.listenAt(ns, name, "udp", fmt.Sprintf("[::]:%d", anywhere))
}

func (n *plugged) listenAt(ns *sandbox.NetNS, name, network, address string) {
	n.t.Helper()
	var c net.PacketConn
	n.do(ns, func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	n.t.Cleanup(func() { _ = c.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			k, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.seen[name+" got "+string(b[bytes.LastIndexByte(b[:k], 0)+1:k])]++
			n.mu.Unlock()
		}
	}()
}

// options are those that the agent would find.
func (n *plugged) options(s model.Snapshot) plan.Options {
	n.t.Helper()
	var ips []netip.Addr
	for _, p := range s.Pods {
		if p.Node == "n1" {
			ips = append(ips, p.IPs...)
		}
	}
	names := map[netip.Addr]string{}
	n.do(n.node, func() error {
		found, err := host.New().Links(ips, []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24"), netip.MustParsePrefix("fd00:10:1::/64")})
		for ip, l := range found {
			names[ip] = l.Name
			if l.Shared != n.bridged {
				n.t.Errorf("link of %s: %+v", ip, l)
			}
		}
		return err
	})
	opts := plan.Options{Node: "n1", Links: names}
	if n.bridged {
		opts.Links, opts.Bridges = map[netip.Addr]string{}, names
	}
	return opts
}

// enforce syncs the node to a snapshot.
func (n *plugged) enforce(s model.Snapshot) {
	n.t.Helper()
	if _, err := n.kernel.Sync(context.Background(), plan.CompileWith(s, n.options(s)), kernel.Hints{}); err != nil {
		n.t.Fatal(err)
	}
}

// send sends a datagram that says who it is from, by a socket of the pod's, or with a source
// of one's choice.
func (n *plugged) send(from *sandbox.NetNS, source, to, text string) {
	n.t.Helper()
	n.do(from, func() error {
		if source != "" {
			return forge(netip.MustParseAddr(source), netip.MustParseAddr(to), text)
		}
		if netip.MustParseAddr(to).IsLinkLocalUnicast() {
			to += "%eth0"
		}
		c, err := net.Dial("udp", net.JoinHostPort(to, fmt.Sprint(anywhere)))
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte(text))
		return err
	})
}

// forge sends a datagram with a source that need not be one's own, as any process with
// NET_RAW can.
func forge(source, to netip.Addr, text string) error {
	udp := binary.BigEndian.AppendUint16(nil, 5555)
	udp = binary.BigEndian.AppendUint16(udp, anywhere)
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(text)))
	udp = append(append(udp, 0, 0), text...)
	binary.BigEndian.PutUint16(udp[6:], checksum(source, to, unix.IPPROTO_UDP, udp))
	return sendRaw(source, to, unix.IPPROTO_UDP, udp)
}

// message sends an ICMPv6 message as a neighbour would, with a text in it.
func message(source, to netip.Addr, kind byte, text string) error {
	icmp := slices.Concat([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 16), []byte(text))
	binary.BigEndian.PutUint16(icmp[2:], checksum(source, to, unix.IPPROTO_ICMPV6, icmp))
	return sendRaw(source, to, unix.IPPROTO_ICMPV6, icmp)
}

// sendRaw sends a packet of which all is made up.
func sendRaw(source, to netip.Addr, protocol byte, body []byte) error {
	header := []byte{0x60, 0, 0, 0, 0, byte(len(body)), protocol, 255}
	family, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Addr: to.As16()})
	if to.Is4() {
		header = []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0}
		family, address = unix.AF_INET, &unix.SockaddrInet4{Addr: to.As4()}
	}
	s, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	return unix.Sendto(s, slices.Concat(header, source.AsSlice(), to.AsSlice(), body), 0, address)
}

func checksum(source, to netip.Addr, protocol byte, body []byte) uint16 {
	var sum uint32
	b := slices.Concat(source.AsSlice(), to.AsSlice(), []byte{0, protocol, 0, byte(len(body))}, body)
	for i := range b {
		sum += uint32(b[i]) << (8 * ((i + 1) % 2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func (n *plugged) count(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[what]
}

// gets sends some datagrams to a receiver, and then some from the node, which come through in
// any case, and tells whether any of the former did.
func (n *plugged) gets(receiver, control string, send func(text string)) bool {
	n.t.Helper()
	n.mu.Lock()
	clear(n.seen)
	n.mu.Unlock()
	for range 5 {
		send("probe")
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); n.count(receiver+" got control") < 5; <-tick.C {
		if time.Now().After(end) {
			n.t.Fatalf("%s gets nothing from the node", receiver)
		}
		n.send(n.node, "", control, "control")
	}
	return n.count(receiver+" got probe") > 0
}

// expect tells when a pod, or the node, gets what it should not, or does not get what it should.
// What should arrive may take a while, for want of a neighbour's address.
func (n *plugged) expect(what string, want bool, receiver, control string, send func(text string)) {
	n.t.Helper()
	got := n.gets(receiver, control, send)
	for end := time.Now().Add(5 * time.Second); want && !got && time.Now().Before(end); {
		got = n.gets(receiver, control, send)
	}
	if got != want {
		n.t.Errorf("%s: arrives: %t, want %t", what, got, want)
	}
}
