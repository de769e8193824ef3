package match

import (
	"iter"

	"github.com/netassay/netassay/model"
)

// Choice is the pods that selectors name in an index, as it is when they are asked for.
type Choice struct {
	index      *Index
	all        bool
	namespace  string
	namespaces *Selector // nil: namespace is meant
	pods       Selector
}

// InNamespace are the pods of one namespace that sel selects.
func (x *Index) InNamespace(name string, sel Selector) Choice {
	return Choice{index: x, namespace: name, pods: sel}
}

// Across are the pods that sel selects in all namespaces that namespaces selects. A
// namespace whose object is not in the snapshot has unknown labels and is selected by
// nothing: a negative requirement must not hold just because an event is late.
func (x *Index) Across(namespaces, sel Selector) Choice {
	return Choice{index: x, namespaces: &namespaces, pods: sel}
}

// All is every indexed pod.
func (x *Index) All() Choice { return Choice{index: x, all: true, pods: Everything()} }

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

// Version is equal for two Updates if the choice, and all that its pods are, is the same.
type Version struct {
	newest uint64
	groups int
}

// Version reports whether the choice has changed. A group that joins is new, or its
// namespace has been relabelled: both give it the number of the Update. One that only
// leaves makes the count smaller.
func (c Choice) Version() Version {
	var v Version
	for g := range c.groups() {
		v.newest = max(v.newest, g.version)
		v.groups++
	}
	return v
}

// Touched yields the pods of the choice that have an address in Index.Touched.
func (c Choice) Touched() iter.Seq[*model.Pod] {
	return func(yield func(*model.Pod) bool) {
		x := c.index
		answer := x.answer(c.pods)
		for _, p := range x.change.owners {
			g := x.spots[p].group
			if answer[g.labels] && c.hasNamespace(g.namespace) && !yield(&x.pods[p]) {
				return
			}
		}
	}
}

func (c Choice) groups() iter.Seq[*group] {
	return func(yield func(*group) bool) {
		answer := c.index.answer(c.pods)
		if at, ok := c.index.byName[c.namespace]; ok && !c.all && c.namespaces == nil {
			c.index.namespaces[at].each(answer, yield)
			return
		}
		for at := range c.index.namespaces {
			if c.hasNamespace(int32(at)) && !c.index.namespaces[at].each(answer, yield) {
				return
			}
		}
	}
}

func (c Choice) hasNamespace(at int32) bool {
	ns := &c.index.namespaces[at]
	switch {
	case c.all:
		return true
	case c.namespaces != nil:
		return ns.known && c.namespaces.match(ns.labels)
	default:
		own, ok := c.index.byName[c.namespace]
		return ok && own == at
	}
}

func (ns *namespace) each(answer []bool, yield func(*group) bool) bool {
	for _, g := range ns.groups {
		if answer[g.labels] && len(g.pods) > 0 && !yield(g) {
			return false
		}
	}
	return true
}
