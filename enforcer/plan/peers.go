package plan

import (
	"fmt"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/cidr"
	"github.com/netassay/netassay/enforcer/match"
)

// scopedPeer is a peer together with the pods that it can be, which is where a named port
// of an egress rule is looked up.
type scopedPeer struct {
	peer
	scope string // equal for equal pods
	pods  match.Choice
	wide  bool // pods of many namespaces
}

// parsePeers checks the peers of one rule. A rule without peers covers every peer, in the
// cluster and outside. All selectors of the rule share one set, and so do all ipBlocks: what
// a rule costs is not its peers times its ports. A peer that cannot be
// translated is reported and covers nothing.
func (c *compiler) parsePeers(field string, list []netv1.NetworkPolicyPeer) []scopedPeer {
	if len(list) == 0 {
		return []scopedPeer{c.anywhere(peer{})}
	}
	var pods []scopedPeer
	blocks := ruleBlocks{union: c.kept.union(listOf(list))}
	defer func() { c.at.unions = append(c.at.unions, blocks.union) }()
	for i := range list {
		p, at := &list[i], func() string { return fmt.Sprintf("%s[%d]", field, i) }
		switch {
		case p.IPBlock != nil && (p.PodSelector != nil || p.NamespaceSelector != nil):
			c.problem(at(), "ipBlock beside a selector: put them into two peers")
		case p.IPBlock != nil && blocks.union == nil:
			if b, ok := c.parseBlock(at, p.IPBlock); ok {
				blocks.add(b, len(list)-i)
			} else {
				blocks.spoiled = true
			}
		case p.IPBlock != nil: // known
		case p.PodSelector == nil && p.NamespaceSelector == nil:
			c.problem(at(), "the peer is empty: give podSelector, namespaceSelector or ipBlock; for every pod, an empty namespaceSelector")
		default:
			if s, ok := c.parseSelectors(at(), p); ok {
				pods = append(pods, s)
			}
		}
	}
	if blocks.union == nil && blocks.unite() {
		c.kept.unions[listOf(list)] = blocks.union
	}
	return append(c.unite(pods), c.blockPeers(field, blocks)...)
}

// unite makes one peer of those that are pods.
func (c *compiler) unite(peers []scopedPeer) []scopedPeer {
	if len(peers) == 0 {
		return nil
	}
	scopes, choices := make([]string, len(peers)), make([]match.Choice, len(peers))
	tries := 0
	for i, p := range peers {
		scopes[i], choices[i] = p.scope, p.pods
		if p.wide {
			tries += c.cluster.LabelSets()
		}
	}
	slices.Sort(scopes)
	all := scopedPeer{scope: strings.Join(slices.Compact(scopes), " | "), pods: match.Union(choices...)}
	all.set = c.clusterSet(RolePeer, Addresses, all.scope, all.pods, (*set).addPod)
	if !c.afford("tries "+all.scope, func() int { return tries / triesPerMember }) || !c.affordSet("peers "+all.scope, all.set.cluster, all.pods.Addresses) {
		return nil
	}
	return []scopedPeer{all}
}

// anywhere scopes a peer that is not a list of pods: any pod can be behind it.
func (c *compiler) anywhere(p peer) scopedPeer {
	return scopedPeer{peer: p, scope: "anywhere", pods: c.cluster.All()}
}

// parseSelectors reads a peer of pods. podSelector alone means the policy's own namespace,
// namespaceSelector alone every pod of those namespaces, both together their meet.
func (c *compiler) parseSelectors(field string, p *netv1.NetworkPolicyPeer) (scopedPeer, bool) {
	pods := match.Everything()
	if p.PodSelector != nil {
		var err error
		if pods, err = match.ParseSelector(p.PodSelector); err != nil {
			c.problem(field+".podSelector", "%v", err)
			return scopedPeer{}, false
		}
	}
	scoped := scopedPeer{
		scope: "namespace " + c.policy.Namespace + " pods " + pods.Key(),
		pods:  c.cluster.InNamespace(c.policy.Namespace, pods),
	}
	if p.NamespaceSelector != nil {
		namespaces, err := match.ParseSelector(p.NamespaceSelector)
		if err != nil {
			c.problem(field+".namespaceSelector", "%v", err)
			return scopedPeer{}, false
		}
		scoped.scope = "namespaces " + namespaces.Key() + " pods " + pods.Key()
		scoped.pods, scoped.wide = c.cluster.Across(namespaces, pods), true
	}
	return scoped, true
}

// parseBlock reads the ipBlock of a peer. One unreadable except spoils the whole block,
// because without it the block would allow too much.
func (c *compiler) parseBlock(field func() string, b *netv1.IPBlock) (cidr.Block, bool) {
	var out cidr.Block
	var err error
	if out.CIDR, err = cidr.Parse(b.CIDR); err != nil {
		c.problem(field()+".ipBlock.cidr", "%v", err)
		return out, false
	}
	for i, text := range b.Except {
		except, err := cidr.Parse(text)
		if err != nil {
			c.problem(fmt.Sprintf("%s.ipBlock.except[%d]", field(), i), "%v", err)
			return out, false
		}
		out.Excepts = append(out.Excepts, except)
	}
	return out, true
}

// blockPeers turns all ipBlocks of one rule into peers: one immutable set if their union
// is small enough to be written out, else one peer per block.
func (c *compiler) blockPeers(field string, blocks ruleBlocks) []scopedPeer {
	out := c.singleBlocks(field, blocks.single)
	if blocks.union.empty() {
		return out
	}
	key := c.policy.Namespace + "/" + c.policy.Name + " " + field
	if !c.afford("blocks "+key, func() int { return len(blocks.union.members[0]) + len(blocks.union.members[1]) }) {
		return nil
	}
	s := c.sets.get(RoleBlock, Prefixes, key, func(s *set) {
		s.members, s.digests = blocks.union.members, blocks.union.digests
	})
	return append(out, c.anywhere(peer{set: s}))
}

// singleBlocks matches each block by its own CIDR and a set of what it excepts.
func (c *compiler) singleBlocks(field string, blocks []cidr.Block) []scopedPeer {
	var out []scopedPeer
	for i, b := range blocks {
		key := fmt.Sprintf("%s/%s %s except %s %d", c.policy.Namespace, c.policy.Name, field, b.CIDR, i)
		excepts := c.sets.get(RoleBlock, Prefixes, key, func(s *set) {
			for _, e := range cidr.SplitZero(b.Excepts) {
				if e.Addr().Is4() == b.CIDR.Addr().Is4() {
					s.add(AddressMember(e))
				}
			}
		})
		out = append(out, c.anywhere(peer{cidr: b.CIDR, excepts: excepts}))
	}
	return out
}
