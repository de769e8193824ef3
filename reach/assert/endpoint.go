package assert

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// endpoint is one end of flows.
type endpoint struct {
	key   string // "shop/web-0", "node/n1", "world:203.0.113.7"
	addrs []netip.Addr
	pod   *model.Pod // nil: none
}

// resolver finds the endpoints that patterns stand for.
type resolver struct {
	inv   *inventory.Inventory
	lens  *lens
	cache map[string][]endpoint // by the text of a pattern
	named map[[2]string][]Port  // that policies tell apart, by the namespaces of both ends
}

func newResolver(inv *inventory.Inventory) *resolver {
	return &resolver{inv, newLens(inv), map[string][]endpoint{}, map[[2]string][]Port{}}
}

// resolve are the endpoints of patterns, each once. Of pods that are alike to every policy two
// are enough: one more would answer as they do.
func (r *resolver) resolve(patterns []Pattern) ([]endpoint, error) {
	var all []endpoint
	seen := map[string]bool{}
	for _, p := range patterns {
		found, ok := r.cache[p.Text+" "+p.namespace]
		if !ok {
			var err error
			if found, err = r.one(p); err != nil {
				return nil, err
			}
			r.cache[p.Text+" "+p.namespace] = found
		}
		for _, e := range found {
			if !seen[e.key] {
				seen[e.key] = true
				all = append(all, e)
			}
		}
	}
	return all, nil
}

func (r *resolver) one(p Pattern) (all []endpoint, err error) {
	switch p.kind {
	case everybody:
		all = slices.Concat(r.pods(p), r.world(netip.Prefix{}))
	case outside:
		all = r.world(p.prefix)
	case nodes:
		all = r.nodes(p.name)
	case pods:
		all = r.pods(p)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%q is nobody here: %s", p.Text, r.hint(p))
	}
	return all, nil
}

// perClass is how many pods of a class take part: two, so that flows between them are seen.
const perClass = 2

func (r *resolver) pods(p Pattern) (all []endpoint) {
	namespaces := map[string]bool{}
	for _, n := range r.inv.Namespaces {
		namespaces[n.Name] = (p.namespace == "" || p.namespace == n.Name) && hasAll(n.Labels, p.namespaceLabels)
	}
	classes := map[string]int{}
	for i := range r.inv.Pods {
		pod := &r.inv.Pods[i]
		if pod.HostNetwork || len(pod.IPs) == 0 || !namespaces[pod.Namespace] || !hasAll(pod.Labels, p.nameLabels) || p.name != "" && !Named(p.name, pod.Name) {
			continue
		}
		c := classOf(pod)
		if classes[c]++; classes[c] <= perClass {
			all = append(all, endpoint{pod.Key(), pod.IPs, pod})
		}
	}
	return all
}

// classOf is equal for pods that no policy can tell apart, unless by their addresses.
func classOf(p *model.Pod) string {
	var b strings.Builder
	b.WriteString(p.Namespace)
	for _, k := range slices.Sorted(maps.Keys(p.Labels)) {
		fmt.Fprintf(&b, " %q=%q", k, p.Labels[k])
	}
	fmt.Fprint(&b, p.Ports, p.Node, len(p.IPs))
	return b.String()
}

func hasAll(have map[string]string, want []label) bool {
	return !slices.ContainsFunc(want, func(l label) bool { v, ok := have[l.key]; return !ok || v != l.value })
}

// generated are the endings that controllers and manifests give to the names of pods: a number, or
// letters and digits without vowels (k8s.io/apimachinery/pkg/util/rand), after the hash of a template.
var generated = regexp.MustCompile(`^(-[0-9]+|(-[bcdfghjklmnpqrstvwxz2456789]{1,10})?-[bcdfghjklmnpqrstvwxz2456789]{5})$`)

// Named reports whether a pod has a name, or is of the workload of that name.
func Named(name, pod string) bool {
	rest, ok := strings.CutPrefix(pod, name)
	return ok && (rest == "" || generated.MatchString(rest))
}

func (r *resolver) nodes(name string) (all []endpoint) {
	for _, n := range r.inv.Nodes {
		if (name == "*" || name == n.Name) && len(n.IPs) > 0 {
			all = append(all, endpoint{key: "node/" + n.Name, addrs: n.IPs})
		}
	}
	return all
}

// hint says what would have been right.
func (r *resolver) hint(p Pattern) string {
	switch {
	case p.kind == nodes && len(r.inv.Nodes) == 0:
		return "manifests have no nodes; nodes are in a snapshot"
	case p.kind == nodes:
		return "there is no such node"
	case p.namespace != "" && !slices.ContainsFunc(r.inv.Namespaces, func(n model.Namespace) bool { return n.Name == p.namespace }):
		return "there is no namespace " + p.namespace + near(p.namespace, r.namespaces())
	case p.name != "":
		return "no pod or workload there has this name" + near(p.name, r.workloads(p.namespace))
	}
	return "no pod has these labels" + near(labelText(p.nameLabels), r.labels(p.namespace))
}
