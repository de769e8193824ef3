package assert

import (
	"fmt"
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// Change is a flow whose verdict is another one by other policies.
type Change struct {
	Client string        `json:"client"`
	Server string        `json:"server"`
	Port   string        `json:"port"`
	Family model.Family  `json:"family"`
	Was    model.Verdict `json:"was"`
	Is     model.Verdict `json:"is"`
}

// Line is an expectation that notices the change: that the flow stays as it was.
func (c Change) Line() string {
	verdict := "allow"
	if c.Was == model.Deny {
		verdict = "deny"
	}
	return fmt.Sprintf("%s -> %s %s %s", c.Client, c.Server, verdict, c.Port)
}

// Universe is all flows that policies can decide: between pods of all classes, and hosts outside
// of all parts of the world that blocks tell apart, on all ports that somebody declares or names.
type Universe struct {
	inv  *inventory.Inventory
	lens *lens
	pods []endpoint
	// blocks is what the world was made for the last time, to save the work.
	blocks []netip.Prefix
	world  []endpoint
}

// NewUniverse is that of the pods of an inventory.
func NewUniverse(inv *inventory.Inventory) *Universe {
	r := newResolver(inv)
	u := &Universe{inv: inv, lens: r.lens, pods: r.pods(Pattern{})}
	for _, n := range inv.Nodes {
		u.pods = append(u.pods, endpoint{key: "node/" + n.Name, addrs: n.IPs})
	}
	return u
}

// Changed is a flow that pods of a namespace are part of, and that two sets of policies decide
// differently. ok is false when there is none.
func (u *Universe) Changed(before, after []*netv1.NetworkPolicy, namespace string) (c Change, ok bool) {
	was, is := u.lens.with(before), u.lens.with(after)
	u.outside(blocksOf(slices.Concat(was.policies[namespace], is.policies[namespace])))
	for i := range u.pods {
		subject := u.pods[i]
		if subject.pod == nil || subject.pod.Namespace != namespace {
			continue
		}
		for _, list := range [][]endpoint{u.pods, u.world} {
			for _, peer := range list {
				if c, ok = differs(was, is, subject, peer); ok {
					return c, true
				}
				if c, ok = differs(was, is, peer, subject); ok {
					return c, true
				}
			}
		}
	}
	return Change{}, false
}

// outside makes the hosts outside that blocks tell apart.
func (u *Universe) outside(blocks []netip.Prefix) {
	if u.world != nil && slices.Equal(blocks, u.blocks) {
		return
	}
	u.blocks, u.world = blocks, nil
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		prefix := netip.MustParsePrefix(all)
		hosts := append([]netip.Addr{unnamed(model.FamilyOf(prefix.Addr()), blocks)}, Apart(prefix, blocks)...)
		u.world = append(u.world, unowned(u.inv, hosts)...)
	}
}

func differs(was, is *lens, client, server endpoint) (Change, bool) {
	if client.key == server.key {
		return Change{}, false
	}
	before, after := was.on(client, server), is.on(client, server)
	ports := numbers(slices.Concat(declaredPorts(server.pod), was.ports(client, server), is.ports(client, server), others()))
	for _, f := range flowsBetween(&Expectation{}, client, server, ports) {
		one, other := oracle.Evaluate(before, f).Verdict, oracle.Evaluate(after, f).Verdict
		if one != other {
			return Change{client.key, server.key, fmt.Sprintf("%d/%s", f.Port, f.Protocol), model.FamilyOf(f.Client), one, other}, true
		}
	}
	return Change{}, false
}
