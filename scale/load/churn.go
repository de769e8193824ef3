package load

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/scale/profile"
)

// Kind is what a change is. Kinds are measured apart.
type Kind string

// The kinds.
const (
	ReplaceBlocks Kind = "ipblock-replace"
	AddExcept     Kind = "except-add"
	RemoveExcept  Kind = "except-remove"
	RotatePolicy  Kind = "policy-rotate"
	Recreate      Kind = "policy-recreate"
	PodLabel      Kind = "pod-label"
	NSLabel       Kind = "namespace-label"
	RestartPods   Kind = "pod-restart"
)

// Kinds are all kinds.
func Kinds() []Kind {
	return []Kind{ReplaceBlocks, AddExcept, RemoveExcept, RotatePolicy, Recreate, PodLabel, NSLabel, RestartPods}
}

// Churn is changes by the clock.
type Churn struct {
	Rate  float64       // changes per second
	For   time.Duration // how long changes fall due
	Kinds []Kind        // what is changed: one kind as often as another
	Seed  uint64
}

// Verb is what a write does to its object.
type Verb string

// The verbs. Update replaces labels or spec as a whole.
const (
	Create Verb = "create"
	Update Verb = "update"
	Delete Verb = "delete"
)

// Write is one request. Exactly one of the objects is set, whole even when it is deleted.
type Write struct {
	Verb      Verb
	Policy    *netv1.NetworkPolicy
	Namespace *corev1.Namespace
	Pod       *Pod
}

// Change is one change of a churn: its writes go out one after another, without waiting
// for what they do.
type Change struct {
	Due    time.Duration // from the start of the churn; latencies count from here
	Kind   Kind
	Writes []Write
}

// RestartEvents is what a watcher of pods sees of one RestartPods: two deletions, and of each
// new pod that it is there and that it runs.
const RestartEvents = 6

// Churning is a load under several churns, one after the other: the next begins with what
// the one before has left.
type Churning struct{ state *state }

// NewChurning begins with o, and leaves it as it is.
func NewChurning(o *Objects) *Churning { return &Churning{newState(o)} }

// Schedule is the next churn, in order of time. It is drawn as it is consumed, which can be
// done once, and before the one after it. Where a kind has nothing to change (no ipBlock, no
// except), the next kind that has takes its turn; the churn ends early if none has.
func (l *Churning) Schedule(c Churn) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		s := l.state
		s.c, s.r = c, random(c.Seed, streamChurn, 0)
		for n := 0; ; n++ {
			due := c.due(n)
			if due >= c.For {
				return
			}
			kind, writes := s.change()
			if len(writes) == 0 || !yield(Change{Due: due, Kind: kind, Writes: writes}) {
				return
			}
		}
	}
}

// due is when change n falls due.
func (c Churn) due(n int) time.Duration {
	return time.Duration(math.Round(float64(n) * float64(time.Second) / c.Rate))
}

// state is the load as the changes so far have left it.
type state struct {
	r        *rand.Rand
	w        *writer
	c        Churn
	policies []*netv1.NetworkPolicy
	kinds    []int // of each policy's peers
	types    []int
	blocked  []int // policies that have ipBlocks
	spaces   []corev1.Namespace
	pods     []Pod
	made     int // policies so far
	lives    int // of restarted pods
	edits    int
}

func newState(o *Objects) *state {
	s := &state{
		w: newWriter(o.Profile), made: len(o.Policies),
		spaces: append([]corev1.Namespace(nil), o.Namespaces...), pods: append([]Pod(nil), o.Pods...),
	}
	if o.Profile.Dedupe == profile.Friendly {
		s.w.blocks(friendlyLists - 1) // new policies share the lists that the old ones share
	}
	used := &s.w.pool.used
	used.V4, used.V6 = max(used.V4, o.Networks.V4), max(used.V6, o.Networks.V6)
	for i := range o.Policies {
		p := &o.Policies[i]
		kind, typ := classify(p)
		if kind == peersIP {
			s.blocked = append(s.blocked, i)
		}
		s.policies, s.kinds, s.types = append(s.policies, p), append(s.kinds, kind), append(s.types, typ)
	}
	return s
}

// classify is the kind and the type that a policy was drawn with.
func classify(p *netv1.NetworkPolicy) (kind, typ int) {
	switch {
	case len(ipBlocks(p)) > 0:
		kind = peersIP
	case hasNamespacePeers(p):
		kind = peersNS
	}
	switch {
	case len(p.Spec.PolicyTypes) == 2:
		typ = typeBoth
	case p.Spec.PolicyTypes[0] == netv1.PolicyTypeEgress:
		typ = typeOut
	}
	return kind, typ
}

func hasNamespacePeers(p *netv1.NetworkPolicy) bool {
	return slices.ContainsFunc(peersOf(p), func(list []netv1.NetworkPolicyPeer) bool { return len(list) > 0 && list[0].NamespaceSelector != nil })
}

// change draws one, or makes the next that can be.
func (s *state) change() (Kind, []Write) {
	draw := map[Kind]func() []Write{
		ReplaceBlocks: s.replace, AddExcept: s.addExcept, RemoveExcept: s.removeExcept, RotatePolicy: s.rotate,
		Recreate: s.recreate, PodLabel: s.podLabel, NSLabel: s.nsLabel, RestartPods: s.restart,
	}
	first := s.r.IntN(len(s.c.Kinds))
	for i := range s.c.Kinds {
		kind := s.c.Kinds[(first+i)%len(s.c.Kinds)]
		if writes := draw[kind](); len(writes) > 0 {
			return kind, writes
		}
	}
	return "", nil
}

// podLabel moves a pod between tiers: policies select by them.
func (s *state) podLabel() []Write {
	if len(s.pods) == 0 {
		return nil
	}
	i := s.r.IntN(len(s.pods))
	s.pods[i].Labels = flipped(s.pods[i].Labels, "tier", "frontend", "backend")
	return []Write{{Verb: Update, Pod: ptr.To(s.pods[i])}}
}

// nsLabel moves a namespace between teams.
func (s *state) nsLabel() []Write {
	i := s.r.IntN(len(s.spaces))
	s.spaces[i].Labels = flipped(s.spaces[i].Labels, "team", "team-0", "team-1")
	ns := s.spaces[i]
	return []Write{{Verb: Update, Namespace: &ns}}
}

// flipped are the labels with key at one of two values: the one that it isn't at.
func flipped(labels map[string]string, key, one, other string) map[string]string {
	out := maps.Clone(labels)
	if out[key] == one {
		one = other
	}
	out[key] = one
	return out
}

// restart deletes two pods of a node and makes two that have each other's addresses: what
// an address was allowed before is now another pod's.
func (s *state) restart() []Write {
	n := len(s.pods)
	if n < 2 {
		return nil
	}
	i := s.r.IntN(n)
	for k := 1; k < n; k++ { // pods of a node come at a constant distance
		j := (i + k*s.w.p.Nodes) % n
		if j == i || s.pods[j].Node != s.pods[i].Node {
			continue
		}
		a, b := s.pods[i], s.pods[j]
		s.pods[i], s.pods[j] = s.reborn(a, b.IPs), s.reborn(b, a.IPs)
		return []Write{
			{Verb: Delete, Pod: &a},
			{Verb: Delete, Pod: &b},
			{Verb: Create, Pod: ptr.To(s.pods[i])},
			{Verb: Create, Pod: ptr.To(s.pods[j])},
		}
	}
	return nil
}

func (s *state) reborn(p Pod, ips []netip.Addr) Pod {
	s.lives++
	p.IPs = ips
	p.Name = fmt.Sprintf("app-%s-r%06d", p.Labels["app"][len("app-"):], s.lives)
	return p
}
