package plan

import (
	"net/netip"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/cidr"
	"github.com/netassay/netassay/model"
)

// ruleBlocks are the ipBlocks of one rule.
type ruleBlocks struct {
	parsed  [2][]cidr.Block // by family
	spoiled bool            // one could not be read
	union   *blockUnion     // of the families whose blocks can be written out as one set
	single  []cidr.Block    // of the others
}

// add adds a block, of which there may be room more.
func (r *ruleBlocks) add(b cidr.Block, room int) {
	of := &r.parsed[index(model.FamilyOf(b.CIDR.Addr()))]
	if *of == nil {
		*of = make([]cidr.Block, 0, room)
	}
	*of = append(*of, b)
}

// unite makes the union. It reports whether that is all there is to know of the rule's
// blocks, so that nobody has to look at them again.
func (r *ruleBlocks) unite() (whole bool) {
	r.union = &blockUnion{used: true}
	for i, blocks := range r.parsed {
		if len(blocks) == 0 {
			continue
		}
		prefixes, ok := cidr.Union(blocks)
		if !ok {
			r.single = append(r.single, blocks...)
			continue
		}
		r.union.members[i] = sortMembers(addressMembers(prefixes))
		r.union.digests[i] = content(r.union.members[i])
	}
	return !r.spoiled && len(r.single) == 0 && !r.union.empty()
}

func addressMembers(prefixes []netip.Prefix) []Member {
	members := make([]Member, len(prefixes))
	for i, p := range prefixes {
		members[i] = AddressMember(p)
	}
	return members
}

// blockUnion is what the ipBlocks of one rule cover, by family.
type blockUnion struct {
	members [2][]Member // sorted and unique
	digests [2]string   // their content; "" of none
	used    bool        // by the compilation at hand
}

func (u *blockUnion) empty() bool { return len(u.members[0])+len(u.members[1]) == 0 }

// peerList tells where a rule's peers are, by which a rule is known: policies don't change.
type peerList struct {
	first *netv1.NetworkPolicyPeer
	n     int
}

func listOf(peers []netv1.NetworkPolicyPeer) peerList { return peerList{&peers[0], len(peers)} }

// union is what is known of the ipBlocks of a rule, nil if nothing is. To read and sort all
// CIDRs of a thousand policies would be most of what the edit of one of them costs.
func (c *Compiler) union(of peerList) *blockUnion {
	u := c.unions[of]
	if u != nil {
		u.used = true
	}
	return u
}
