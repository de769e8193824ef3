package match

import (
	"iter"
	"maps"
	"slices"

	"github.com/netassay/netassay/model"
)

// Index answers which pods a selector names. It refers to the snapshot's pods and does
// not copy them. It is not safe for concurrent use: it remembers answers.
type Index struct {
	pods       []model.Pod
	namespaces []namespace
	byName     map[string]int32    // namespace name → place in namespaces
	labelSets  []map[string]string // the distinct label sets of pods
	answers    map[string]answer   // pod selector key → its answer per label set
}

// namespace is a namespace that has pods.
type namespace struct {
	known  bool // the snapshot has the object, so its labels are known
	labels map[string]string
	groups []group // by label set
}

// group is the pods of one namespace with one label set.
type group struct {
	labels int32 // place in labelSets
	pods   []int32
}

// answer holds, per label set, whether the selector matches it.
type answer []bool

// NewIndex indexes the given pods, which need not be all of the snapshot's, leaving out
// those on the host's network.
func NewIndex(namespaces []model.Namespace, pods []model.Pod) *Index {
	b := builder{
		index:  &Index{pods: pods, byName: map[string]int32{}, answers: map[string]answer{}},
		labels: map[string]int32{},
		groups: map[groupKey]int32{},
	}
	for i := range pods {
		if !pods[i].HostNetwork {
			b.add(int32(i))
		}
	}
	for _, ns := range namespaces {
		if at, ok := b.index.byName[ns.Name]; ok {
			b.index.namespaces[at].known = true
			b.index.namespaces[at].labels = ns.Labels
		}
	}
	return b.index
}

// InNamespace yields the pods of one namespace that sel selects.
func (x *Index) InNamespace(name string, sel Selector) iter.Seq[*model.Pod] {
	return func(yield func(*model.Pod) bool) {
		if at, ok := x.byName[name]; ok {
			x.eachPod(&x.namespaces[at], x.answer(sel), yield)
		}
	}
}

// Across yields the pods that sel selects in all namespaces that namespaces selects. A
// namespace whose object is not in the snapshot has unknown labels and is selected by
// nothing: a negative requirement must not hold just because an event is late.
func (x *Index) Across(namespaces, sel Selector) iter.Seq[*model.Pod] {
	return func(yield func(*model.Pod) bool) {
		a := x.answer(sel)
		for i := range x.namespaces {
			ns := &x.namespaces[i]
			if !ns.known || !namespaces.match(ns.labels) {
				continue
			}
			if !x.eachPod(ns, a, yield) {
				return
			}
		}
	}
}

// All yields every indexed pod.
func (x *Index) All() iter.Seq[*model.Pod] {
	return func(yield func(*model.Pod) bool) {
		for i := range x.namespaces {
			for _, g := range x.namespaces[i].groups {
				for _, p := range g.pods {
					if !yield(&x.pods[p]) {
						return
					}
				}
			}
		}
	}
}

// LabelSets is the number of distinct label sets among the pods.
func (x *Index) LabelSets() int { return len(x.labelSets) }

func (x *Index) eachPod(ns *namespace, a answer, yield func(*model.Pod) bool) bool {
	for _, g := range ns.groups {
		if !a[g.labels] {
			continue
		}
		for _, p := range g.pods {
			if !yield(&x.pods[p]) {
				return false
			}
		}
	}
	return true
}

// answer evaluates a selector once per distinct label set, and remembers.
func (x *Index) answer(sel Selector) answer {
	if a, ok := x.answers[sel.key]; ok {
		return a
	}
	a := make(answer, len(x.labelSets))
	for i, set := range x.labelSets {
		a[i] = sel.match(set)
	}
	x.answers[sel.key] = a
	return a
}

// builder interns label sets and groups pods while an index is built.
type builder struct {
	index  *Index
	labels map[string]int32   // canonical text → place in labelSets
	groups map[groupKey]int32 // → place in the namespace's groups
	keys   []string           // scratch
	text   []byte             // scratch
}

type groupKey struct{ namespace, labels int32 }

func (b *builder) add(pod int32) {
	p := &b.index.pods[pod]
	ns := b.namespace(p.Namespace)
	key := groupKey{ns, b.intern(p.Labels)}
	groups := &b.index.namespaces[ns].groups
	at, ok := b.groups[key]
	if !ok {
		at = int32(len(*groups))
		b.groups[key] = at
		*groups = append(*groups, group{labels: key.labels})
	}
	(*groups)[at].pods = append((*groups)[at].pods, pod)
}

func (b *builder) namespace(name string) int32 {
	at, ok := b.index.byName[name]
	if !ok {
		at = int32(len(b.index.namespaces))
		b.index.byName[name] = at
		b.index.namespaces = append(b.index.namespaces, namespace{})
	}
	return at
}

// intern finds the label set's number. The text is built in a scratch buffer and becomes
// a string only for a set that was not seen before.
func (b *builder) intern(set map[string]string) int32 {
	b.keys = slices.AppendSeq(b.keys[:0], maps.Keys(set))
	slices.Sort(b.keys)
	b.text = b.text[:0]
	for _, k := range b.keys {
		b.text = append(b.text, k...)
		b.text = append(b.text, 0)
		b.text = append(b.text, set[k]...)
		b.text = append(b.text, 0)
	}
	at, ok := b.labels[string(b.text)]
	if !ok {
		at = int32(len(b.index.labelSets))
		b.labels[string(b.text)] = at
		b.index.labelSets = append(b.index.labelSets, set)
	}
	return at
}
