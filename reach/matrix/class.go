package matrix

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// Kind is what a class is made of.
type Kind string

// The kinds.
const (
	Pods    Kind = "pods"
	OwnNode Kind = "own node" // the node that the pod at the other end is on
	Nodes   Kind = "nodes"    // other ones, and pods on the host network
	World   Kind = "world"    // addresses that are neither of pods nor of nodes
)

// Class is what no policy of the matrix can tell apart.
type Class struct {
	Kind Kind
	// Key is equal in two matrices that are made to be compared.
	Key string
	// Name is how people may call it: "shop/web", "203.0.113.0/24".
	Name string
	// Count is how many pods or nodes it has; 0 for what has no number.
	Count int
	// Examples are names of the first few.
	Examples []string
	// Pod stands for the pods of the class, its labels without those that nothing selects by.
	Pod model.Pod
	// Members are indexes into the inventory's pods.
	Members []int

	pods  []*model.Pod // one, and a second one where there are more
	addrs []netip.Addr // of nodes and the world, at most one of a family

	nodeAddrs map[netip.Addr]bool
}

// mostExamples is how many names a class tells.
const mostExamples = 3

// podClasses are the classes of pods on the pod network that have an address.
func podClasses(v *inventory.Inventory, in *world, o Options) []Class {
	nodes := map[string]*model.Node{}
	for i := range v.Nodes {
		nodes[v.Nodes[i].Name] = &v.Nodes[i]
	}
	split := func(p *model.Pod) string {
		out := in.atoms(p.IPs)
		if n := nodes[p.Node]; n != nil {
			out += " on " + in.atoms(n.IPs)
		}
		return out
	}
	var out []Class
	for _, c := range v.Classes(split, o.Also...) {
		if c.Pod.HostNetwork || len(c.Pod.IPs) == 0 {
			continue
		}
		k := Class{Kind: Pods, Key: "pods " + c.Key, Count: len(c.Members), Pod: c.Pod, Members: c.Members}
		var names []string
		for i, m := range c.Members {
			p := &v.Pods[m]
			names = append(names, ownerless(p))
			if i < mostExamples {
				k.Examples = append(k.Examples, p.Name)
			}
			if i < 2 {
				k.pods = append(k.pods, p)
			}
		}
		k.Name = c.Pod.Namespace + "/" + called(names)
		out = append(out, k)
	}
	slices.SortStableFunc(out, func(a, b Class) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key)) })
	return unique(out)
}

// called is what the names have in common up to a dash, as a workload's pods have its name.
func called(names []string) string {
	common := names[0]
	for _, n := range names[1:] {
		for !strings.HasPrefix(n, common) {
			common = common[:len(common)-1]
		}
	}
	if common == names[0] {
		return common
	}
	if i := strings.LastIndexByte(common, '-'); i > 0 {
		return common[:i]
	}
	return names[0]
}

// suffix is what controllers put behind the name of their object: perhaps the hash of a template,
// and a word, both of letters and digits that make no words
// (k8s.io/apimachinery/pkg/util/rand).
var suffix = regexp.MustCompile(`(-[bcdfghjklmnpqrstvwxz2456789]{8,10})?-[bcdfghjklmnpqrstvwxz2456789]{5}$`)

// ownerless is a pod's name without that of which controller it is one.
func ownerless(p *model.Pod) string {
	if p.Labels["statefulset.kubernetes.io/pod-name"] == p.Name {
		return p.Name[:max(strings.LastIndexByte(p.Name, '-'), 1)]
	}
	if at := suffix.FindStringIndex(p.Name); at != nil && at[0] > 0 {
		return p.Name[:at[0]]
	}
	return p.Name
}

// unique numbers classes of one name.
func unique(all []Class) []Class {
	seen := map[string]int{}
	for i := range all {
		name := all[i].Name
		if seen[name]++; seen[name] > 1 {
			all[i].Name = fmt.Sprintf("%s#%d", name, seen[name])
		}
	}
	return all
}

// nodeClasses are nodes by what ipBlocks can tell of their addresses, and the own node of each
// pod. Where no node is known there is none.
func nodeClasses(v *inventory.Inventory, in *world) []Class {
	var out []Class
	at := map[string]int{}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		key := "nodes " + in.atoms(n.IPs)
		j, ok := at[key]
		if !ok {
			j = len(out)
			at[key] = j
			c := Class{Kind: Nodes, Key: key, Name: "nodes", nodeAddrs: map[netip.Addr]bool{}}
			for _, f := range model.FamiliesOf(n.IPs...) {
				c.addrs = append(c.addrs, f.First(n.IPs))
			}
			out = append(out, c)
		}
		out[j].Count++
		for _, a := range n.IPs {
			out[j].nodeAddrs[a] = true
		}
		if len(out[j].Examples) < mostExamples {
			out[j].Examples = append(out[j].Examples, n.Name)
		}
	}
	if len(out) > 0 {
		out = append(out, Class{Kind: OwnNode, Key: "own node", Name: "own node"})
	}
	return unique(out)
}

// worldClasses are the parts of the outside that ipBlocks tell apart, the widest first.
func worldClasses(in *world) []Class {
	var out []Class
	for _, a := range in.outside() {
		out = append(out, Class{Kind: World, Key: "world " + a.prefix.String(), Name: a.prefix.String(), addrs: []netip.Addr{a.addr}})
	}
	return out
}
