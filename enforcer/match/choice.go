package match

import (
	"iter"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
)

// Choice is the pods that selectors name in an index, as it is when they are asked for.
type Choice struct {
	index *Index
	parts []part // what one of these names; nil: all
}

// part is the pods that a selector selects in some namespaces.
type part struct {
	namespaces *Selector // nil: namespace is meant
	namespace  string
	pods       Selector
}

// Union are the pods that one of the choices, which must be of one index, names.
func Union(choices ...Choice) Choice {
	var all []part
	for _, c := range choices {
		if c.parts == nil {
			return c
		}
		all = append(all, c.parts...)
	}
	slices.SortStableFunc(all, func(a, b part) int { return strings.Compare(a.scope(), b.scope()) })
	var parts []part
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(p part) bool { return p.scope() != all[0].scope() })
		if n < 0 {
			n = len(all)
		}
		selectors := make([]Selector, n)
		for i, p := range all[:n] {
			selectors[i] = p.pods
		}
		parts = append(parts, part{all[0].namespaces, all[0].namespace, Any(selectors...)})
		all = all[n:]
	}
	return Choice{choices[0].index, parts}
}

// scope is equal for parts of the same namespaces.
func (p part) scope() string {
	if p.namespaces != nil {
		return "s " + p.namespaces.key
	}
	return "n " + p.namespace
}

// InNamespace are the pods of one namespace that sel selects.
func (x *Index) InNamespace(name string, sel Selector) Choice {
	return Choice{x, []part{{namespace: name, pods: sel}}}
}

// Across are the pods that sel selects in all namespaces that namespaces selects. A
// namespace whose object is not in the snapshot has unknown labels and is selected by
// nothing: a negative requirement must not hold just because an event is late.
func (x *Index) Across(namespaces, sel Selector) Choice {
	return Choice{x, []part{{namespaces: &namespaces, pods: sel}}}
}

// All is every indexed pod.
func (x *Index) All() Choice { return Choice{x, nil} }

// Addresses is how many the pods have.
func (c Choice) Addresses() (n int) {
	for g := range c.groups() {
		n += g.addresses
	}
	return n
}

// Has reports whether a group's pods are in the choice.
func (c Choice) Has(g Group) bool { return c.holds(g, c.answers(nil, g.namespace)) }

// Pods yields the pods.
func (c Choice) Pods() iter.Seq[*model.Pod] {
	return func(yield func(*model.Pod) bool) {
		for g := range c.groups() {
			for _, p := range g.pods {
				if !yield(&c.index.pods[p]) {
					return
				}
			}
		}
	}
}

// Touched yields the pods of the choice that have an address in Index.Touched.
func (c Choice) Touched() iter.Seq[*model.Pod] {
	return func(yield func(*model.Pod) bool) {
		x := c.index
		for _, p := range x.change.owners {
			if c.Has(x.spots[p].group) && !yield(&x.pods[p]) {
				return
			}
		}
	}
}

func (c Choice) groups() iter.Seq[*group] {
	return func(yield func(*group) bool) {
		from, to := 0, len(c.index.namespaces)
		if len(c.parts) == 1 && c.parts[0].namespaces == nil {
			own, ok := c.index.byName[c.parts[0].namespace]
			if !ok {
				return
			}
			from, to = int(own), int(own)+1
		}
		var answers []*answer
		for at := from; at < to; at++ {
			answers = c.answers(answers[:0], int32(at))
			if c.parts != nil && len(answers) == 0 {
				continue
			}
			for _, g := range c.index.namespaces[at].groups {
				if len(g.pods) > 0 && c.holds(g, answers) && !yield(g) {
					return
				}
			}
		}
	}
}

// answers appends those of the parts that are of a namespace to all.
func (c Choice) answers(all []*answer, at int32) []*answer {
	for _, p := range c.parts {
		if c.index.has(p, at) {
			all = append(all, c.index.answer(p.pods))
		}
	}
	return all
}

// holds reports whether a group is in the choice, by the answers for its namespace.
func (c Choice) holds(g *group, answers []*answer) bool {
	return c.parts == nil || slices.ContainsFunc(answers, func(a *answer) bool { return a.holds(c.index, g.labels) })
}

func (x *Index) has(p part, at int32) bool {
	ns := &x.namespaces[at]
	if p.namespaces != nil {
		return ns.known && p.namespaces.match(ns.labels)
	}
	own, ok := x.byName[p.namespace]
	return ok && own == at
}
