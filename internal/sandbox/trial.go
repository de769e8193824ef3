package sandbox

import (
	"github.com/vishvananda/netlink"
)

// tryLinks tries the kinds of links that a lab is made of.
func tryLinks() []Problem {
	var problems []Problem
	links := []netlink.Link{
		&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "try-bridge"}},
		&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "try-veth0"}, PeerName: "try-veth1"},
	}
	for _, link := range links {
		if err := netlink.LinkAdd(link); err != nil {
			problems = append(problems, Problem{
				What: "link type " + link.Type() + " refused (" + err.Error() + ")",
				Cure: "a kernel with it (modprobe " + link.Type() + ")",
			})
		}
	}
	return problems
}
