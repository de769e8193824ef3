//go:build linux

package network

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// Node is the network namespace of one node.
type Node struct {
	name      string
	number    int
	addresses Plan
	ns        *sandbox.NetNS
	pool      *Pool

	mu sync.Mutex // serializes h
	h  *netlink.Handle

	unplugger unplugger
}

// Name is the node's name, "node1" and so on.
func (n *Node) Name() string { return n.name }

// IPs are the node's addresses, one per family.
func (n *Node) IPs() []netip.Addr { return n.addresses.NodeIPs(n.number) }

// PodCIDRs are the networks of the node's pods, one per family, as IPs.
func (n *Node) PodCIDRs() []netip.Prefix { return n.addresses.NodePodCIDRs(n.number) }

// BalancerIPs are the addresses by which load balancers outside lead to the node, one per family,
// for the Service with that node port. No two node ports, which are from 30000 to 32767, are the
// same in their last 12 bits.
func (n *Node) BalancerIPs(nodePort uint16) []netip.Addr {
	var ips []netip.Addr
	for _, net := range n.addresses.BalancerNets(n.number) {
		bytes := net.Addr().AsSlice()
		bytes[len(bytes)-2] |= byte(nodePort>>8) & 0xf
		bytes[len(bytes)-1] = byte(nodePort)
		ip, _ := netip.AddrFromSlice(bytes)
		ips = append(ips, ip)
	}
	return ips
}

// Pool hands out the addresses of the node's pods.
func (n *Node) Pool() *Pool { return n.pool }

// Do runs fn on a thread that is in the node's namespace.
func (n *Node) Do(fn func() error) error { return n.ns.Do(fn) }

// configure sets up eth0, which the bridge's side has put into the namespace.
func (n *Node) configure(all []*Node) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &links{h: n.h}
	eth0 := l.find("eth0")
	l.up(eth0)
	gateways := n.addresses.GatewayIPs()
	for i, ip := range n.IPs() {
		l.addr(eth0, netip.PrefixFrom(ip, nodeBits(ip)))
		l.neighbour(eth0, gateways[i], bridgeMAC())
		l.via(eth0, everything(ip), gateways[i])
		for _, other := range all {
			if other != n {
				l.neighbour(eth0, other.IPs()[i], nodeMAC(other.number))
				l.via(eth0, other.PodCIDRs()[i], other.IPs()[i])
			}
		}
	}
	n.addresses.toWorld(l, eth0)
	if l.err != nil {
		return fmt.Errorf("configure %s: %w", n.name, l.err)
	}
	return nil
}

// ReachControlPlane gives programs on the node, and its pods, a way to the control plane, which
// they have unless it was taken from them.
func (n *Node) ReachControlPlane(way bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, ip := range n.addresses.GatewayIPs() {
		r := &netlink.Route{Dst: ipNet(single(ip)), Type: unix.RTN_UNREACHABLE}
		change := n.h.RouteReplace
		if way {
			change = n.h.RouteDel
		}
		if err := change(r); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("let %s reach %s (%t): %w", n.name, ip, way, err))
		}
	}
	return errors.Join(errs...)
}

func (n *Node) close() error {
	if n.h != nil {
		n.h.Close()
	}
	if err := n.ns.Close(); err != nil {
		return fmt.Errorf("close %s: %w", n.name, err)
	}
	return nil
}

// A Request is what a pod asks of the network.
type Request struct {
	// NetNS names its network namespace for `ip netns exec`. It need not be unique in time: a
	// pod may come back while its predecessor is taken down.
	NetNS string
	// Link is the name of the node's side of its veth, as LinkName makes it. Who asks for the
	// name of a pod that is still there takes that pod off the network.
	Link string
	// Address is one that the pod must have, any when it is not valid.
	Address netip.Addr
	// Family is the one that the pod has, "" for all.
	Family model.Family
}

// LinkName is the name of the node's side of a pod's veth: a prefix and what hashes namespace
// and name, as the CNI plugins of Calico, AWS and Azure have it, each with its prefix. Agents
// that learn of pods from the API alone find the pod's link by it.
func LinkName(namespace, pod string) string {
	sum := sha1.Sum([]byte(namespace + "." + pod))
	return LinkPrefix + hex.EncodeToString(sum[:])[:11]
}

// LinkPrefix begins the names of the node's sides of all pods, and of nothing else.
const LinkPrefix = "veth"

// Attach makes the network namespace of a pod.
func (n *Node) Attach(r Request) (*Pod, error) {
	number, err := n.pool.take(r.Address)
	if err != nil {
		return nil, fmt.Errorf("attach pod %s to %s: %w", r.NetNS, n.name, err)
	}
	p := &Pod{node: n, number: number, only: r.Family}
	if err := p.setUp(r); err != nil {
		return nil, errors.Join(fmt.Errorf("attach pod %s to %s: %w", r.NetNS, n.name, err), p.Close())
	}
	return p, nil
}
