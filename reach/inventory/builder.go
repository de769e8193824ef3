package inventory

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Builder gathers an Inventory from objects, each with where it comes from ("a.yaml:3"), and
// refuses a second one of a name. The zero Builder is empty.
type Builder struct {
	inv     Inventory
	origins map[string]string // of "Kind namespace/name"
	ignored map[Kind]int
	foreign map[Kind]int
}

// Namespace adds one.
func (b *Builder) Namespace(origin string, n model.Namespace) error {
	b.inv.Namespaces = append(b.inv.Namespaces, n)
	return b.once(origin, "Namespace", n.Name)
}

// Node adds one.
func (b *Builder) Node(origin string, n model.Node) error {
	b.inv.Nodes = append(b.inv.Nodes, n)
	return b.once(origin, "Node", n.Name)
}

// Pod adds one.
func (b *Builder) Pod(origin string, p model.Pod) error {
	b.inv.Pods = append(b.inv.Pods, p)
	return b.once(origin, "Pod", p.Key())
}

// Policy adds one.
func (b *Builder) Policy(origin string, p *netv1.NetworkPolicy) error {
	b.inv.Policies = append(b.inv.Policies, p)
	return b.once(origin, "NetworkPolicy", p.Namespace+"/"+p.Name)
}

// Service adds one.
func (b *Builder) Service(origin string, s Service) error {
	b.inv.Services = append(b.inv.Services, s)
	return b.once(origin, "Service", s.Key())
}

// Object notes an object that is not kept as itself, so that a second one of its name is seen: a
// workload whose pods are added each.
func (b *Builder) Object(origin, kind, key string) error { return b.once(origin, kind, key) }

// Ignore counts an object that is none of those, as a foreign policy where it is one.
func (b *Builder) Ignore(apiVersion, kind string) {
	counts := &b.ignored
	if ForeignPolicy(apiVersion, kind) {
		counts = &b.foreign
	}
	if *counts == nil {
		*counts = map[Kind]int{}
	}
	(*counts)[Kind{APIVersion: apiVersion, Kind: kind}]++
}

func (b *Builder) once(origin, kind, key string) error {
	id := kind + " " + key
	if first, ok := b.origins[id]; ok {
		return fmt.Errorf("%s: %s is given a second time, first by %s: remove one", origin, id, first)
	}
	if b.origins == nil {
		b.origins = map[string]string{}
	}
	b.origins[id] = origin
	return nil
}

// Done is the sorted state. A namespace that is named by an object and is not there itself is
// added with the one label that every API server gives it.
func (b *Builder) Done() *Inventory {
	out := b.inv
	out.Namespaces = slices.Clone(out.Namespaces)
	known := map[string]bool{}
	for i, n := range out.Namespaces {
		known[n.Name] = true
		out.Namespaces[i].Labels = withName(n)
	}
	for _, name := range b.named() {
		if !known[name] {
			known[name] = true
			out.Namespaces = append(out.Namespaces, model.Namespace{Name: name, Labels: withName(model.Namespace{Name: name})})
		}
	}
	out.Ignored, out.Foreign = counted(b.ignored), counted(b.foreign)
	out.Sort()
	return &out
}

func (b *Builder) named() []string {
	var names []string
	for i := range b.inv.Pods {
		names = append(names, b.inv.Pods[i].Namespace)
	}
	for _, p := range b.inv.Policies {
		names = append(names, p.Namespace)
	}
	for i := range b.inv.Services {
		names = append(names, b.inv.Services[i].Namespace)
	}
	return names
}

// withName adds the label that holds a namespace's name (corev1.LabelMetadataName).
func withName(n model.Namespace) map[string]string {
	if n.Labels[corev1.LabelMetadataName] == n.Name {
		return n.Labels
	}
	labels := maps.Clone(n.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[corev1.LabelMetadataName] = n.Name
	return labels
}

func counted(counts map[Kind]int) []Kind {
	var out []Kind
	for k, n := range counts {
		k.N = n
		out = append(out, k)
	}
	return out
}
