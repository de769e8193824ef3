package match

import (
	"iter"
	"net/netip"

	"github.com/netassay/netassay/model"
)

// Index answers which pods a selector names. It can be brought up to date, at a cost that
// depends on what has changed. It is not safe for concurrent use: it remembers answers.
type Index struct {
	pods       []model.Pod // as of the last Update, in its order
	spots      []spot      // where each of them is
	byName     map[string]int32
	namespaces []namespace
	byText     map[string]int32    // canonical text of a label set → place in labelSets
	labelSets  []map[string]string // the distinct label sets of pods, of asked labels only
	asked      map[string]struct{} // keys of labels; nil: all are
	asking     map[string]struct{} // the same from the next Update on
	groups     map[groupKey]*group
	answers    map[string]*answer // pod selector key → its answer per label set
	live       int                // groups with pods
	change     change
	clock      uint64 // counts Updates
	owned      owned
	double     map[netip.Addr]struct{} // addresses that several pods have
	scratch    scratch
}

// namespace is a namespace that has, or had, pods.
type namespace struct {
	known  bool // the snapshot has the object, so its labels are known
	labels map[string]string
	groups []*group // by label set
	seen   uint64   // the Update that last had the object
}

// group is the pods of one namespace with one label set.
type group struct {
	groupKey
	pods      []int32
	addresses int // that these have
}

// Group is the pods of one namespace that no selector tells apart, while it is asked for the
// same labels.
type Group *group

// groupKey is a place in namespaces and one in labelSets.
type groupKey struct{ namespace, labels int32 }

// spot is a pod's group and its place there; the group of a pod on the host's network is
// nil.
type spot struct {
	group *group
	at    int32
}

// change is what the last Update has changed.
type change struct {
	fresh      bool // nothing is known about what there was before
	namespaces bool // labels of a namespace with pods
	nodes      map[string]struct{}
	groups     map[*group]struct{}
	touched    map[netip.Addr]struct{}
	pods       []int32 // that were touched, some several times
	owners     []int32 // pods with a touched address
}

// answer holds, per label set, whether the selector matches it, as far as somebody has asked:
// a selector of one namespace is never tried on what pods of others have.
type answer struct {
	selector Selector
	known    []said
}

type said uint8

const (
	_ said = iota // nobody has asked
	no
	yes
)

// NewIndex indexes the given pods, which need not be all of the snapshot's, leaving out
// those on the host's network.
func NewIndex(namespaces []model.Namespace, pods []model.Pod) *Index {
	x := &Index{}
	x.Update(namespaces, pods)
	return x
}

// Fresh tells that the last Update can't say what it has changed: it was the first, or has
// changed most of everything.
func (x *Index) Fresh() bool { return x.change.fresh }

// Ask says which keys labels must have to be told apart, from the next Update on: no other may
// be in a selector of pods. Labels that are each pod's own, as those of StatefulSets are, cost
// nothing as long as nobody asks for them. keys must not be changed afterwards. It forgets the
// answers to selectors, of which some are gone.
func (x *Index) Ask(keys map[string]struct{}) {
	x.asking, x.answers = keys, map[string]*answer{}
}

// Relabelled tells that the last Update has changed the labels of a namespace with pods,
// or whether they are known.
func (x *Index) Relabelled() bool { return x.change.namespaces }

// TouchedNode reports whether the last Update has changed a pod of the node, or one that was
// there before.
func (x *Index) TouchedNode(node string) bool {
	_, ok := x.change.nodes[node]
	return x.change.fresh || ok
}

// Touched are the addresses of all pods that the last Update has changed, with those that
// they had before. What any selector says about other addresses is as it was.
func (x *Index) Touched() map[netip.Addr]struct{} { return x.change.touched }

// Changed are the groups whose pods, or what these are, the last Update has changed.
func (x *Index) Changed() iter.Seq[Group] {
	return func(yield func(Group) bool) {
		for g := range x.change.groups {
			if !yield(g) {
				return
			}
		}
	}
}

// LabelSets is how many label sets there are for selectors to be tried on.
func (x *Index) LabelSets() int { return len(x.labelSets) }

// answer is what is known of a selector.
func (x *Index) answer(sel Selector) *answer {
	a := x.answers[sel.key]
	if a == nil {
		a = &answer{selector: sel}
		x.answers[sel.key] = a
	}
	return a
}

// holds reports whether the selector matches a label set. It tries once, and remembers.
func (a *answer) holds(x *Index, at int32) bool {
	if missing := len(x.labelSets) - len(a.known); missing > 0 {
		a.known = append(a.known, make([]said, missing)...)
	}
	if a.known[at] == 0 {
		a.known[at] = no
		if a.selector.match(x.labelSets[at]) {
			a.known[at] = yes
		}
	}
	return a.known[at] == yes
}
