package network

import (
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

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
