package plan

import (
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/match"
	"github.com/netassay/netassay/model"
)

// tenant is what the policies of one namespace make. As long as nothing of that changes, it is
// taken over from one compilation to the next: the edit of a policy costs what its namespace has,
// and not a thousand policies of others.
type tenant struct {
	policies  []*netv1.NetworkPolicy // in order
	pods      []model.Pod            // of the node, in the namespace
	labelSets int                    // that selectors were tried on
	chains    []*namespaceChain
	sets      []*set          // in the order in which they were asked for
	closed    [2][]netip.Addr // by direction: of pods that are isolated, and that no rule opens to everything
	unions    []*blockUnion
	budget    *budget
	paid      []*clusterSet
	selecting int  // policies that select a pod of the node
	plain     bool // there are no problems, and no address of the node's is in doubt
}

// addTenant compiles the policies of a namespace, or takes over what they have made before.
func (c *compiler) addTenant(namespace string, policies []*netv1.NetworkPolicy) {
	t := c.kept.tenants[namespace]
	if t == nil || !c.current(namespace, t, policies) {
		t = c.compileTenant(namespace, policies)
	} else {
		c.adopt(namespace, t)
	}
	c.tenants[namespace] = t
	c.policies += t.selecting
}

// current reports whether the policies would make the same again. Members of cluster sets are
// brought up to date elsewhere.
func (c *compiler) current(namespace string, t *tenant, policies []*netv1.NetworkPolicy) bool {
	return t.plain && slices.Equal(t.policies, policies) && t.labelSets == c.cluster.LabelSets() && !c.local.Doubles() &&
		(t.budget == nil || t.budget.members <= MostMembers) &&
		slices.EqualFunc(t.pods, c.pods[namespace], func(a, b model.Pod) bool { return match.Same(&a, &b) })
}

// compileTenant compiles policies. What is kept of it holds on to nothing else of this compilation.
func (c *compiler) compileTenant(namespace string, policies []*netv1.NetworkPolicy) *tenant {
	problems := len(c.problems)
	t := &tenant{policies: slices.Clone(policies), pods: c.pods[namespace], labelSets: c.cluster.LabelSets()}
	c.at, c.sets.asked, c.open = t, nil, map[openPod]bool{}
	for _, p := range policies {
		c.addPolicy(p)
	}
	for _, d := range []direction{ingress, egress} {
		if ch := c.chains[chainKey{namespace, d}]; ch != nil {
			t.chains = append(t.chains, ch)
			t.closed[d] = c.closedBy(ch)
			ch.seen = nil
		}
	}
	t.sets = once(c.sets.asked)
	if t.budget = c.budgets[namespace]; t.budget != nil {
		t.budget.counted = nil
	}
	t.plain = len(c.problems) == problems && !c.local.Doubles()
	return t
}

// closedBy are the addresses of pods that a chain isolates, and that no rule opens to everything.
func (c *compiler) closedBy(ch *namespaceChain) (ips []netip.Addr) {
	for p := range ch.seen {
		if !c.open[openPod{p, ch.direction}] {
			ips = append(ips, p.IPs...)
		}
	}
	return ips
}

// adopt takes over a tenant.
func (c *compiler) adopt(namespace string, t *tenant) {
	for _, s := range t.sets {
		c.sets.adopt(s)
	}
	for _, ch := range t.chains {
		c.chains[ch.chainKey] = ch
	}
	for _, u := range t.unions {
		u.used = true
	}
	for _, k := range t.paid {
		k.payers = append(k.payers, t.budget)
	}
	if t.budget != nil {
		c.budgets[namespace] = t.budget
	}
}

// once are the sets without those that have been before.
func once(sets []*set) []*set {
	seen := map[*set]bool{}
	return slices.DeleteFunc(sets, func(s *set) bool {
		was := seen[s]
		seen[s] = true
		return was
	})
}
