package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/match"
	"github.com/netassay/netassay/model"
)

// Existing says what happens to flows that are open when a policy begins to deny them.
// The specification leaves it open.
type Existing string

// The choices. Keep is the default.
const (
	Keep Existing = "keep" // they live on: packets of known flows pass in both directions
	Cut  Existing = "cut"  // they stall: only replies and related errors pass unseen
)

// Options says for whom a plan is made.
type Options struct {
	Node     string
	Existing Existing
	// DenyUnknown closes the addresses of the node's podCIDRs that no pod is known to
	// own: a pod whose policies have not been seen yet, or none at all after a reboot.
	DenyUnknown bool
	// Own are addresses of the node's interfaces, such as the gateway of its pods, that
	// DenyUnknown must leave alone. The Node's addresses need not be among them.
	Own []netip.Addr
	// Links are the interfaces that lead to addresses of the node's pods, as far as each pod
	// has its own, and Bridges those that several pods are behind, but nobody else. nil
	// Links: nobody can tell, and sources are believed. Neither may be changed afterwards.
	Links, Bridges map[netip.Addr]string
	// Lacks are conditions that the kernel can't look for, of those in Optional. Rules that
	// need them are left out; of messages that keep a link alive, the hop limit.
	Lacks []Condition
	// Gone are pods of the node without an object by now that are still there. They are
	// subjects, nobody's peers, and not known.
	Gone []model.Pod
}

// Optional are the conditions of a family's plan that it can do without.
func Optional(f model.Family) []Condition {
	if f == model.IPv4 {
		return []Condition{Forged{}, ToItself{f}}
	}
	return []Condition{Forged{}, ToItself{f}, HopLimit(255)}
}

// lacks reports whether the kernel can't look for a condition.
func (o Options) lacks(c Condition) bool { return slices.Contains(o.Lacks, c) }

// Compile is CompileWith for a node with the default options.
func Compile(s model.Snapshot, node string) Plan {
	return CompileWith(s, Options{Node: node, Existing: Keep})
}

// CompileWith translates the policies that select a pod of the node. The snapshot is only
// read, and the order of its lists has no influence on the plan.
//
// A piece of a policy that cannot be translated becomes a Problem and allows nothing,
// while the pods that the policy selects stay isolated.
func CompileWith(s model.Snapshot, opts Options) Plan {
	return new(Compiler).Compile(s, opts)
}

// compiler is the state of one compilation.
type compiler struct {
	opts     Options
	kept     *Compiler    // what is kept between compilations
	cluster  *match.Index // all pods, for peers
	local    *match.Index // the node's pods, for subjects
	sets     registry
	names    namer
	chains   map[chainKey]*namespaceChain
	problems []Problem
	policy   *netv1.NetworkPolicy // the one at hand, for problems
	large    bool                 // it takes more than it may
	budgets  map[string]*budget   // of namespaces
	policies int                  // that select a pod of the node
	closed   []netip.Prefix       // where addresses that are not in known are dropped
	known    *set
	links    links
	tenants  map[string]*tenant
	at       *tenant                // the one at hand
	open     map[openPod]bool       // by its policies
	pods     map[string][]model.Pod // of the node, by namespace
}

// chainKey names the flat chain of a namespace and direction.
type chainKey struct {
	namespace string
	direction direction
}

// namespaceChain judges the pods of one namespace in one direction: what no line allows
// is dropped at its end.
type namespaceChain struct {
	chainKey
	isolated *set
	seen     map[*model.Pod]bool // while its policies are compiled
	allows   []allow
	written  [2]*writtenChain // by family; nil: not yet
}

// begin begins a compilation of the snapshot that the index is of.
func (c *Compiler) begin(s model.Snapshot, opts Options, hash func(string) string) *compiler {
	if c.sets == nil {
		c.sets, c.unions = map[string]*clusterSet{}, map[peerList]*blockUnion{}
	}
	var local []model.Pod
	for i := range s.Pods {
		if s.Pods[i].Node == opts.Node {
			local = append(local, s.Pods[i])
		}
	}
	subjects := slices.Concat(local, opts.Gone)
	b := &compiler{
		opts:    opts,
		kept:    c,
		cluster: &c.cluster,
		local:   match.NewIndex(s.Namespaces, subjects),
		sets:    newRegistry(),
		names:   newNamer(hash),
		chains:  map[chainKey]*namespaceChain{},
		tenants: map[string]*tenant{},
		pods:    map[string][]model.Pod{},
		budgets: map[string]*budget{},
	}
	for _, p := range subjects {
		b.pods[p.Namespace] = append(b.pods[p.Namespace], p)
	}
	if opts.DenyUnknown {
		b.close(s.Nodes, local)
	}
	return b
}

func (c *compiler) compile(policies []*netv1.NetworkPolicy) Plan {
	ordered := slices.Clone(policies)
	slices.SortStableFunc(ordered, func(a, b *netv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for len(ordered) > 0 {
		n := slices.IndexFunc(ordered, func(p *netv1.NetworkPolicy) bool { return p.Namespace != ordered[0].Namespace })
		if n < 0 {
			n = len(ordered)
		}
		c.addTenant(ordered[0].Namespace, ordered[:n:n])
		ordered = ordered[n:]
	}
	c.kept.tenants = c.tenants
	c.bindLinks()
	c.fill()
	for _, s := range c.sets.order {
		if s.cluster == nil || s.cluster.used {
			s.seal(c.names)
		}
	}
	chains := c.sortedChains()
	return Plan{IPv4: c.family(model.IPv4, chains), IPv6: c.family(model.IPv6, chains), Problems: c.problems, Policies: c.policies}
}

// problem records a piece of the policy at hand that allows nothing.
func (c *compiler) problem(field, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		Namespace: c.policy.Namespace,
		Policy:    c.policy.Name,
		Field:     field,
		Detail:    fmt.Sprintf(format, args...),
	})
}

// chain returns the namespace's chain for a direction, made at its first use.
func (c *compiler) chain(namespace string, d direction) *namespaceChain {
	key := chainKey{namespace, d}
	ch, ok := c.chains[key]
	if !ok {
		ch = &namespaceChain{
			chainKey: key,
			isolated: c.sets.get(RoleIsolation, Addresses, d.String()+" "+namespace, nil),
			seen:     map[*model.Pod]bool{},
		}
		c.chains[key] = ch
	}
	return ch
}

// isolate puts a pod under the chain's judgement.
func (ch *namespaceChain) isolate(p *model.Pod) {
	if !ch.seen[p] {
		ch.seen[p] = true
		ch.isolated.addPod(p)
	}
}

func (c *compiler) sortedChains() []*namespaceChain {
	out := make([]*namespaceChain, 0, len(c.chains))
	for _, ch := range c.chains {
		out = append(out, ch)
	}
	slices.SortFunc(out, func(a, b *namespaceChain) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.direction, b.direction))
	})
	return out
}
