package network_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go4.org/netipx"

	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

// fresh runs fn with a network built in a namespace of its own.
func fresh(t *testing.T, families string, nodes int, fn func(*network.Network)) {
	t.Helper()
	sandbox.Require(t)
	f, err := model.ParseFamilies(families)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := sandbox.NewNetNS("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	err = ns.Do(func() error {
		n, err := network.New(network.Plan{Families: f}, nodes)
		if err != nil {
			return err
		}
		t.Cleanup(func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		})
		fn(n)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func attach(t *testing.T, n *network.Node, name string) *network.Pod {
	t.Helper()
	p, err := n.Attach(network.Request{NetNS: name, Link: network.LinkName("test", name)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return p
}

// doer is a namespace to do things in.
type doer interface{ Do(func() error) error }

func serve(t *testing.T, in doer) uint16 {
	t.Helper()
	var l net.Listener
	err := in.Do(func() (err error) {
		l, err = net.Listen("tcp", ":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(c, c.RemoteAddr().(*net.TCPAddr).IP)
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// ask connects from in and returns the address that the server saw.
func ask(in doer, to netip.AddrPort, timeout time.Duration) (saw string, err error) {
	err = in.Do(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		// The dialer makes its socket on this thread only when it need not resolve.
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = fmt.Fscan(c, &saw)
		return err
	})
	return saw, err
}

func isOneOf(text string, addrs []netip.Addr) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && slices.Contains(addrs, a)
}

func TestEveryPodReachesEveryPodWithItsOwnAddress(t *testing.T) {
	for _, families := range []string{"ipv4", "ipv6", "dual"} {
		t.Run(families, func(t *testing.T) {
			fresh(t, families, 3, func(n *network.Network) {
				var pods []*network.Pod
				for i, node := range n.Nodes() {
					pods = append(pods, attach(t, node, fmt.Sprintf("%s-a%d", families, i)), attach(t, node, fmt.Sprintf("%s-b%d", families, i)))
				}
				for _, server := range pods {
					port := serve(t, server)
					for _, client := range pods {
						for i, ip := range server.IPs() {
							saw, err := ask(client, netip.AddrPortFrom(ip, port), 5*time.Second)
							if err != nil || saw != client.IPs()[i].String() {
								t.Errorf("%v → %v: server saw %q, error %v", client.IPs(), ip, saw, err)
							}
						}
					}
					for _, node := range n.Nodes() {
						for _, ip := range server.IPs() {
							// From its own address, also to its own pods.
							saw, err := ask(node, netip.AddrPortFrom(ip, port), 5*time.Second)
							if err != nil || !isOneOf(saw, node.IPs()) {
								t.Errorf("%s → %v: server saw %q, error %v", node.Name(), ip, saw, err)
							}
						}
					}
				}
			})
		})
	}
}

func TestWorldAnswersAtEveryAddressOfItsRanges(t *testing.T) {
	for _, families := range []string{"ipv4", "ipv6", "dual"} {
		t.Run(families, func(t *testing.T) {
			fresh(t, families, 2, func(n *network.Network) {
				f, _ := model.ParseFamilies(families)
				pod := attach(t, n.Nodes()[1], "inside-"+families)
				port := serve(t, n.World())
				for _, r := range model.OutsideRanges() {
					if !f.Has(model.FamilyOf(r.Addr())) {
						continue
					}
					for _, addr := range []netip.Addr{r.Addr(), r.Addr().Next(), netipx.PrefixLastIP(r)} {
						saw, err := ask(pod, netip.AddrPortFrom(addr, port), 5*time.Second)
						if err != nil || !isOneOf(saw, pod.IPs()) {
							t.Errorf("%s was asked by %q (%v), want one of %v", addr, saw, err, pod.IPs())
						}
					}
				}
			})
		})
	}
}

// The addresses of load balancers lead to their node, which knows nothing of them.
func TestWorldReachesNodesByLoadBalancers(t *testing.T) {
	const nodePort = 31234
	fresh(t, "dual", 2, func(n *network.Network) {
		for _, node := range n.Nodes() {
			port := serve(t, node)
			for _, addr := range node.BalancerIPs(nodePort) {
				err := node.Do(func() error {
					lo, err := netlink.LinkByName("lo")
					if err != nil {
						return err
					}
					return netlink.AddrAdd(lo, &netlink.Addr{IPNet: netipx.PrefixIPNet(netip.PrefixFrom(addr, addr.BitLen()))})
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := ask(n.World(), netip.AddrPortFrom(addr, port), 5*time.Second); err != nil {
					t.Errorf("%s by %s: %v", node.Name(), addr, err)
				}
			}
		}
	})
}

func TestPacketToForeignAddressDiesInside(t *testing.T) {
	fresh(t, "dual", 2, func(n *network.Network) {
		pod := attach(t, n.Nodes()[0], "lonely")
		for _, foreign := range []string{"192.0.2.1:80", "[3fff::1]:80"} {
			_, err := ask(pod, netip.MustParseAddrPort(foreign), 300*time.Millisecond)
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("%s: got %v, want a timeout", foreign, err)
			}
		}
		links, err := netlink.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links {
			name := l.Attrs().Name
			switch {
			case name == "lo", name == "br-lab", name == "world", strings.HasPrefix(name, "node") && l.Type() == "veth":
			case l.Attrs().Flags&net.FlagUp == 0 && l.Attrs().ParentIndex == 0:
				// A tunnel device that the kernel puts into every new namespace; it is down.
			default:
				t.Errorf("link %s (%s) is none of the lab's own", name, l.Type())
			}
		}
	})
}

func TestManyPodsPerNode(t *testing.T) {
	fresh(t, "dual", 1, func(n *network.Network) {
		const pods = 100
		node := n.Nodes()[0]
		start := time.Now()
		var all []*network.Pod
		for i := range pods {
			all = append(all, attach(t, node, fmt.Sprintf("many-%d", i)))
		}
		last := all[pods-1]
		each := time.Since(start) / pods
		t.Logf("%d pods, %v each", pods, each)
		if each > 50*time.Millisecond {
			t.Errorf("a pod takes %v, want well below 50ms", each)
		}
		port := serve(t, last)
		for _, ip := range last.IPs() {
			if _, err := ask(node, netip.AddrPortFrom(ip, port), 5*time.Second); err != nil {
				t.Error(err)
			}
		}
		start = time.Now()
		var closing sync.WaitGroup
		for _, p := range all {
			closing.Go(func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		closing.Wait()
		t.Logf("all closed after %v", time.Since(start))
		err := node.Do(func() error {
			links, err := netlink.LinkList()
			for _, l := range links {
				if l.Type() == "veth" && l.Attrs().Name != "eth0" {
					t.Errorf("%s is left", l.Attrs().Name)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// The name is that of the pod, so the newcomer takes it, and its predecessor is off the network.
func TestPodThatComesBackWhileItsPredecessorLives(t *testing.T) {
	fresh(t, "dual", 1, func(n *network.Network) {
		node := n.Nodes()[0]
		a := attach(t, node, "twin")
		portA := serve(t, a)
		b := attach(t, node, "twin")
		portB := serve(t, b)
		if a.IPs()[0] == b.IPs()[0] {
			t.Errorf("both have %v", a.IPs()[0])
		}
		if _, err := ask(node, netip.AddrPortFrom(a.IPs()[0], portA), 300*time.Millisecond); err == nil {
			t.Error("the predecessor is still on the network")
		}
		for range 2 {
			if _, err := ask(node, netip.AddrPortFrom(b.IPs()[0], portB), 5*time.Second); err != nil {
				t.Error(err)
			}
			if err := a.Close(); err != nil { // leaves b alone
				t.Error(err)
			}
		}
	})
}

// Felix v3.28.4 looks for the pod "web" of "shop" at cali551b05c3e54: the same hash.
func TestLinkIsNamedByThePod(t *testing.T) {
	if got, want := network.LinkName("shop", "web"), "veth551b05c3e54"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	fresh(t, "dual", 1, func(n *network.Network) {
		node := n.Nodes()[0]
		attach(t, node, "web")
		err := node.Do(func() error {
			link, err := netlink.LinkByName(network.LinkName("test", "web"))
			if err != nil {
				return err
			}
			addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
			for _, a := range addrs {
				if !a.IP.IsLinkLocalUnicast() {
					t.Errorf("the node's side has %s, want none of its own", a.IPNet)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
