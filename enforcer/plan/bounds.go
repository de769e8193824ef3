package plan

import "slices"

// What the policies of one namespace may take on a node. Who may write one policy may write a
// hundred, so it is the namespace that is bounded. A policy that would take more allows
// nothing, and is a Problem: a tenant can close its own pods, and nobody else waits.
const (
	// MostLines is how many rules a chain may have. So many are a tenth of a second's work
	// for iptables, for which the changes of others wait.
	MostLines = 2000
	// MostMembers is how many addresses, ports and prefixes there may be in sets. 24 bytes each
	// are 6 MiB, and some tenths of a second of the kernel's time when they are new.
	MostMembers = 1 << 18
	// triesPerMember is how many times a selector can be held against labels for the price of
	// a member.
	triesPerMember = 8
)

// budget is what the policies of one namespace take. A policy that is too large keeps what it
// has taken: what is tried for a namespace is bounded too.
type budget struct {
	members int
	counted map[string]bool // sets, which policies share; nil once all are compiled
}

// afford reports whether there is room for a set of so many members, and takes it. If there
// is none, the policy at hand is too large.
func (c *compiler) afford(key string, members func() int) bool {
	b := c.budgets[c.policy.Namespace]
	if b == nil {
		b = &budget{counted: map[string]bool{}}
		c.budgets[c.policy.Namespace] = b
	}
	if b.counted[key] {
		return true
	}
	n := members()
	if b.members+n > MostMembers {
		c.large = true
		return false
	}
	b.members += n
	b.counted[key] = true
	return true
}

// affordSet is afford for a cluster set, and for what it grows by until the next compilation.
// To count what many sets have would be most of the work of an edit, so that those which are
// kept have counted what came and went.
func (c *compiler) affordSet(key string, k *clusterSet, count func() int) bool {
	if !k.filled {
		k.size = count()
	}
	if !c.afford(key, func() int { return k.size }) {
		return false
	}
	if b := c.budgets[c.policy.Namespace]; !slices.Contains(k.payers, b) {
		k.payers = append(k.payers, b)
		c.at.paid = append(c.at.paid, k)
	}
	return true
}

// affordLines does the same for rules of a chain.
func (c *compiler) affordLines(ch *namespaceChain, n int) bool {
	c.large = c.large || len(ch.allows)+n > MostLines
	return !c.large
}
