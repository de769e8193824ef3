//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/internal/sandbox"
)

const bridgeName = "br-lab"

// Network is the bridge and the nodes on it, and the world outside.
type Network struct {
	addresses Plan
	nodes     []*Node
	world     *World
}

// New builds the network of a lab with that many nodes, 1 to MaxNodes, in the calling thread's network
// namespace, which must be the sandbox's.
func New(addresses Plan, nodes int) (*Network, error) {
	n := &Network{addresses: addresses, nodes: make([]*Node, nodes)}
	if err := n.addBridge(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	var g errgroup.Group
	g.SetLimit(4)
	for i := range n.nodes {
		g.Go(func() (err error) {
			n.nodes[i], err = newNode(addresses, i+1)
			return err
		})
	}
	g.Go(func() (err error) {
		n.world, err = newWorld(addresses)
		return err
	})
	err := g.Wait()
	if err == nil {
		err = n.connect()
	}
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Nodes are the nodes in the order of their numbers.
func (n *Network) Nodes() []*Node { return n.nodes }

// World is where hosts outside of the cluster are.
func (n *Network) World() *World { return n.world }

// Close removes the bridge and gives up the namespaces; they end when the last process in
// them does. It must be called in the network namespace in which New was.
func (n *Network) Close() error {
	errs := []error{n.removeBridge()}
	for _, node := range n.nodes {
		if node != nil {
			errs = append(errs, node.close())
		}
	}
	if n.world != nil {
		errs = append(errs, n.world.close())
	}
	return errors.Join(errs...)
}

func (n *Network) addBridge() error {
	if err := apply(n.addresses.Families, quiet(), deadEnd()); err != nil {
		return err
	}
	snooping := false
	bridge := &netlink.Bridge{
		LinkAttrs:         netlink.LinkAttrs{Name: bridgeName, HardwareAddr: bridgeMAC()},
		MulticastSnooping: &snooping,
	}
	return onLinks(func(l *links) {
		l.do("add bridge", l.h.LinkAdd(bridge))
		l.up(bridge)
		for _, ip := range n.addresses.GatewayIPs() {
			l.addr(bridge, netip.PrefixFrom(ip, nodeBits(ip)))
			l.route(blackhole(everything(ip)))
		}
	})
}

// removeBridge removes what addBridge and connect added, or as much of it as there is.
func (n *Network) removeBridge() error {
	bridge, err := netlink.LinkByName(bridgeName)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(bridge)
	}
	if err != nil {
		return fmt.Errorf("remove bridge: %w", err)
	}
	for _, ip := range n.addresses.GatewayIPs() {
		err := netlink.RouteDel(blackhole(everything(ip)))
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove blackhole: %w", err)
		}
	}
	names := []string{worldName}
	for _, node := range n.nodes {
		if node != nil {
			names = append(names, node.name)
		}
	}
	for _, name := range names {
		if port, err := netlink.LinkByName(name); err == nil {
			if err := netlink.LinkDel(port); err != nil {
				return fmt.Errorf("disconnect %s: %w", name, err)
			}
		}
	}
	return nil
}

// connect plugs the nodes into the bridge and tells each where the others' pods are.
func (n *Network) connect() error {
	err := onLinks(func(l *links) {
		bridge := l.find(bridgeName)
		l.port(bridge, worldName, worldMAC(), n.world.ns)
		for _, node := range n.nodes {
			l.port(bridge, node.name, nodeMAC(node.number), node.ns)
			n.toNode(l, bridge, node)
		}
	})
	if err != nil {
		return err
	}
	if err := n.world.configure(n); err != nil {
		return fmt.Errorf("configure %s: %w", worldName, err)
	}
	for _, node := range n.nodes {
		if err := node.configure(n.nodes); err != nil {
			return err
		}
	}
	return nil
}

// toNode routes to node and its pods on link.
func (n *Network) toNode(l *links, link netlink.Link, node *Node) {
	for i, ip := range node.IPs() {
		l.neighbour(link, ip, nodeMAC(node.number))
		l.via(link, node.PodCIDRs()[i], ip)
	}
}

func nodeBits(ip netip.Addr) int {
	v4, v6 := nodeNets()
	if ip.Is4() {
		return v4.Bits()
	}
	return v6.Bits()
}

// NodeName is the name of node n, from 1.
func NodeName(n int) string { return "node" + strconv.Itoa(n) }

// newNode makes the namespace of node number.
func newNode(addresses Plan, number int) (*Node, error) {
	node := &Node{
		name: NodeName(number), number: number, addresses: addresses,
		pool: NewPool(addresses.NodePodCIDRs(number)),
	}
	ns, err := sandbox.NewNetNS(node.name)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", node.name, err)
	}
	node.ns = ns
	err = ns.Do(func() (err error) {
		if err := apply(addresses.Families, quiet(), router(), forgetful()); err != nil {
			return err
		}
		node.h, err = netlink.NewHandle()
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make %s: %w", node.name, err), node.close())
	}
	return node, nil
}
