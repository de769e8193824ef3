package scenarios

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/netassay/netassay/internal/sandbox"
)

// veth makes a pair of which the far end is in another namespace.
func veth(near, far string, ns *sandbox.NetNS) error {
	err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: near}, PeerName: far, PeerNamespace: netlink.NsFd(ns.Fd())})
	if err != nil {
		return fmt.Errorf("add link %s: %w", near, err)
	}
	return nil
}
