//go:build linux

package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// Pod is the network namespace of one pod, routed to its node by a veth.
type Pod struct {
	node   *Node
	number int          // in the node's pool
	only   model.Family // that it has; "" for all
	netns  string       // name of ns
	ns     *sandbox.NetNS
	veth   netlink.Link // the node's side

	closing sync.Once
	closed  error
}

// IPs are the pod's addresses, one per family.
func (p *Pod) IPs() []netip.Addr { return p.had(p.node.pool.Addrs(p.number)) }

// had are those of the addresses whose family the pod has.
func (p *Pod) had(addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(addrs, func(a netip.Addr) bool { return p.only != "" && model.FamilyOf(a) != p.only })
}

// NetNS is the name of the pod's network namespace.
func (p *Pod) NetNS() string { return p.netns }

// Do runs fn on a thread that is in the pod's namespace.
func (p *Pod) Do(fn func() error) error { return p.ns.Do(fn) }

// Close takes the pod off the network and releases its addresses.
func (p *Pod) Close() error {
	p.closing.Do(func() { p.closed = p.tearDown() })
	return p.closed
}

func (p *Pod) setUp(r Request) error {
	ns, name, err := newPodNS(r.NetNS)
	if err != nil {
		return err
	}
	p.ns, p.netns = ns, name
	if err := ns.Do(func() error { return apply(p.node.addresses.Families, quiet()) }); err != nil {
		return err
	}
	if err := p.plug(r.Link); err != nil {
		return err
	}
	return ns.Do(p.configure)
}

// newPodNS names the namespace by the pod; by the pod and a number when the name is taken.
func newPodNS(name string) (ns *sandbox.NetNS, taken string, err error) {
	ns, err = sandbox.NewNetNS(name)
	taken = name
	for i := 2; errors.Is(err, fs.ErrExist) && i < 100; i++ {
		taken = name + "~" + strconv.Itoa(i)
		ns, err = sandbox.NewNetNS(taken)
	}
	return ns, taken, err
}

// plug makes the veth and what the node needs to know of it.
func (p *Pod) plug(name string) error {
	n := p.node
	n.mu.Lock()
	defer n.mu.Unlock()
	veth := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: name, HardwareAddr: podGWMAC(n.number, p.number)},
		PeerName:         "eth0",
		PeerHardwareAddr: podMAC(n.number, p.number),
		PeerNamespace:    netlink.NsFd(p.ns.Fd()),
	}
	if err := n.addLink(veth); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	p.veth = veth
	l := &links{h: n.h}
	l.up(veth)
	for _, ip := range p.IPs() {
		l.neighbour(veth, ip, podMAC(n.number, p.number))
		l.onLink(veth, single(ip))
	}
	return l.err
}

// addLink adds a pod's veth, in the place of one that has its name: of a pod that is on its way
// out while the next of its name is here already. Its addresses stay its own until it is gone.
func (n *Node) addLink(veth *netlink.Veth) error {
	err := n.h.LinkAdd(veth)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if old, err := n.h.LinkByName(veth.Name); err == nil {
		if err := n.h.LinkDel(old); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("delete its predecessor: %w", err)
		}
	}
	return n.h.LinkAdd(veth)
}

// configure sets up the pod's own side, on a thread in its namespace.
func (p *Pod) configure() error {
	return onLinks(func(l *links) {
		eth0 := l.find("eth0")
		l.up(eth0)
		gateways := p.had(p.node.pool.Gateways())
		for i, ip := range p.IPs() {
			l.addr(eth0, single(ip))
			l.neighbour(eth0, gateways[i], podGWMAC(p.node.number, p.number))
			l.via(eth0, everything(ip), gateways[i])
		}
	})
}

// tearDown frees the address last: nobody may get it while a packet can still reach it.
func (p *Pod) tearDown() error {
	var errs []error
	if p.veth != nil {
		errs = append(errs, p.node.unplug(p))
	}
	if p.ns != nil {
		errs = append(errs, p.ns.Close())
	}
	p.node.pool.Release(p.number)
	return errors.Join(errs...)
}

// doomedGroup is the link group of veths that are to go.
const doomedGroup = 0x6e61

// unplugger deletes the node's sides of veths. The kernel takes tens of milliseconds for a
// deletion, however many links it is of, and does one after the other; so those that come
// while one is under way are put into a link group and go together in the next.
type unplugger struct {
	deleting sync.Mutex

	mu     sync.Mutex
	doomed map[*Pod]bool
}

// unplug returns when p's veth is gone.
func (n *Node) unplug(p *Pod) error {
	n.mu.Lock()
	err := n.h.LinkSetGroup(p.veth, doomedGroup)
	n.mu.Unlock()
	if errors.Is(err, unix.ENODEV) {
		return nil // a successor has taken its name, and the link with it
	}
	if err != nil {
		return fmt.Errorf("delete veth: %w", err)
	}
	u := &n.unplugger
	u.mu.Lock()
	if u.doomed == nil {
		u.doomed = map[*Pod]bool{}
	}
	u.doomed[p] = true
	u.mu.Unlock()

	u.deleting.Lock()
	defer u.deleting.Unlock()
	if !u.take(p) {
		return nil // it went with somebody else's
	}
	return n.deleteGroup()
}

// take takes on the deletion of all that are doomed, unless p has gone already; then those
// that are left are somebody else's to take.
func (u *unplugger) take(p *Pod) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.doomed[p] {
		return false
	}
	u.doomed = nil
	return true
}

func (n *Node) deleteGroup() error {
	return n.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(doomedGroup)))
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		if err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("delete veths: %w", err)
		}
		return nil
	})
}
