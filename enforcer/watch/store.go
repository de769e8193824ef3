package watch

import (
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"

	"github.com/netassay/netassay/model"
)

// Kind is a kind of object that is watched.
type Kind string

// The kinds.
const (
	Pods       Kind = "pod"
	Namespaces Kind = "namespace"
	Policies   Kind = "policy"
	Nodes      Kind = "node"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Pods, Namespaces, Policies, Nodes} }

// key names an object. Its strings share memory with the object's.
type key struct{ namespace, name string }

// ledger is what all stores write to: which kinds are in sync, what has changed since the
// last Read.
type ledger struct {
	mu      sync.Mutex
	synced  map[Kind]bool
	changes Changes
	wake    chan struct{} // capacity 1
	now     func() time.Time
}

// note records that an object of a kind has changed in a way that counts.
func (l *ledger) note(k Kind) {
	if _, seen := l.changes.First[k]; !seen {
		l.changes.First[k] = l.now()
	}
	l.changes.Events++
	l.changes.Urgent = l.changes.Urgent || k != Pods
	if len(l.synced) < len(Kinds()) && k != Nodes { // the node alone is enough to close it
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// listed records that a kind has been listed completely. The first time it counts as a
// change, even of nothing: the agent may be waiting for just this kind.
func (l *ledger) listed(k Kind) {
	if !l.synced[k] {
		l.synced[k] = true
		l.note(k)
	}
}

// store keeps the records of one kind. It is a cache.ReflectorStore.
type store[T any] struct {
	kind   Kind
	ledger *ledger
	index  map[key]int32
	items  []T
	keys   []key

	convert func(obj any) (k key, item T, keep bool, err error)
	equal   func(a, b *T) bool
	// swap, if set, is told of each record that goes (nil: none) and that comes.
	swap func(old, new *T)
}

// newStore is a store of what convert makes of API objects of type O.
func newStore[O, T any](kind Kind, l *ledger, convert func(O) (k key, item T, keep bool), equal func(a, b *T) bool) *store[T] {
	s := &store[T]{kind: kind, ledger: l, index: map[key]int32{}, equal: equal}
	s.convert = func(obj any) (k key, item T, keep bool, err error) {
		o, ok := obj.(O)
		if !ok {
			return k, item, false, fmt.Errorf("store %s: unexpected type %T", kind, obj)
		}
		k, item, keep = convert(o)
		return k, item, keep, nil
	}
	return s
}

func (s *store[T]) Add(obj any) error {
	k, item, keep, err := s.convert(obj)
	if err != nil {
		return err
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if !keep {
		s.remove(k)
		return nil
	}
	s.set(k, item)
	return nil
}

func (s *store[T]) Update(obj any) error { return s.Add(obj) }

func (s *store[T]) Delete(obj any) error {
	k, _, _, err := s.convert(obj)
	if err != nil {
		return err
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.remove(k)
	return nil
}

// Replace is the result of a complete list, at the start and after a lost connection.
func (s *store[T]) Replace(objs []any, _ string) error {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.items = slices.Grow(s.items, max(0, len(objs)-len(s.items)))
	listed := make(map[key]struct{}, len(objs))
	for _, obj := range objs {
		k, item, keep, err := s.convert(obj)
		if err != nil {
			return err
		}
		if keep {
			listed[k] = struct{}{}
			s.set(k, item)
		}
	}
	for i := len(s.keys) - 1; i >= 0; i-- { // remove fills the gap from the end
		if _, ok := listed[s.keys[i]]; !ok {
			s.remove(s.keys[i])
		}
	}
	s.ledger.listed(s.kind)
	return nil
}

func (s *store[T]) Resync() error { return nil }

func (s *store[T]) set(k key, item T) {
	at, ok := s.index[k]
	switch {
	case !ok:
		s.index[k] = int32(len(s.items))
		s.items, s.keys = append(s.items, item), append(s.keys, k)
		s.swapped(nil, &item)
	case s.equal(&s.items[at], &item):
		return
	default:
		old := s.items[at]
		s.items[at] = item
		s.swapped(&old, &item)
	}
	s.ledger.note(s.kind)
}

func (s *store[T]) remove(k key) {
	at, ok := s.index[k]
	if !ok {
		return
	}
	old, last := s.items[at], len(s.items)-1
	s.items[at], s.keys[at] = s.items[last], s.keys[last]
	s.index[s.keys[at]] = at
	var none T
	s.items[last], s.keys[last] = none, key{}
	s.items, s.keys = s.items[:last], s.keys[:last]
	delete(s.index, k)
	s.swapped(&old, nil)
	s.ledger.note(s.kind)
}

func (s *store[T]) swapped(old, now *T) {
	if s.swap != nil {
		s.swap(old, now)
	}
}

// podStore is the store of pods: it shares what pods have in common and notes addresses
// that change hands.
type podStore struct {
	*store[model.Pod]
	node    string // all about whose pods is urgent
	pool    pool
	nursery pool // of pods that are still being streamed
	owners  owners
}

// owners are the last known owners of addresses, as hashes: of nearly all, nobody will ask.
type owners struct {
	seed maphash.Seed
	uids map[uint64]uint32 // by address
}

// manyOwners is how many addresses are remembered for each pod that there is, and in any case.
const manyOwners, fewOwners = 8, 1 << 14

// inherit notes that a pod has an address, and reports whether another one had it before.
func (o *owners) inherit(ip netip.Addr, uid string, pods int) bool {
	at, now := maphash.Comparable(o.seed, ip), uint32(maphash.String(o.seed, uid))
	was, known := o.uids[at]
	if len(o.uids) > max(fewOwners, manyOwners*pods) {
		clear(o.uids)
	}
	o.uids[at] = now
	return known && was != now
}

func newPodStore(l *ledger, node string) *podStore {
	s := &podStore{node: node, pool: newPool(), nursery: newPool(), owners: owners{maphash.MakeSeed(), map[uint64]uint32{}}}
	s.store = newStore(Pods, l, func(p *pod) (key, model.Pod, bool) {
		return key{p.record.Namespace, p.record.Name}, p.record, !p.terminal && !p.record.HostNetwork
	}, equalPods)
	s.swap = s.swapPod
	return s
}

// Transformer lets a reflector share what pods have in common while it streams the first
// list into a store of its own, which would otherwise be the agent's peak.
func (s *podStore) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		if p, ok := obj.(*pod); ok {
			s.ledger.mu.Lock()
			defer s.ledger.mu.Unlock()
			s.nursery.share(&p.record)
			p.version = ""
		}
		return obj, nil
	}
}

// Replace takes over a complete list.
func (s *podStore) Replace(objs []any, version string) error {
	err := s.store.Replace(objs, version)
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.nursery = newPool()
	return err
}

// swapPod shares and releases, and notes the addresses whose owner is not the same as
// before. During the first list there is no before.
func (s *podStore) swapPod(old, now *model.Pod) {
	if now != nil {
		at := s.index[key{now.Namespace, now.Name}]
		s.pool.share(&s.items[at])
		s.keys[at] = key{s.items[at].Namespace, s.items[at].Name}
	}
	if old != nil {
		s.pool.release(old)
	}
	// Pods come and go by themselves, but somebody gave this one another label, and may have
	// written a policy that counts on it.
	relabelled := old != nil && now != nil && old.UID == now.UID && !maps.Equal(old.Labels, now.Labels)
	if s.here(old) || s.here(now) || relabelled {
		s.ledger.changes.Urgent = true
	}
	if old != nil && now != nil && old.UID == now.UID && slices.Equal(old.IPs, now.IPs) {
		return
	}
	s.inherit(now)
	if !s.ledger.synced[Pods] {
		return
	}
	for _, p := range []*model.Pod{old, now} {
		if p == nil {
			continue
		}
		for _, ip := range p.IPs {
			s.ledger.changes.Transient[ip] = struct{}{}
		}
	}
}

// inherit notes whose addresses a pod has by now.
func (s *podStore) inherit(p *model.Pod) {
	if p == nil {
		return
	}
	for _, ip := range p.IPs {
		if s.owners.inherit(ip, p.UID, len(s.items)) && s.ledger.synced[Pods] {
			s.ledger.changes.Heirs[ip] = struct{}{}
		}
	}
}

func (s *podStore) here(p *model.Pod) bool { return p != nil && p.Node == s.node }

func equalPods(a, b *model.Pod) bool {
	return a.UID == b.UID && a.Node == b.Node && slices.Equal(a.IPs, b.IPs) &&
		slices.Equal(a.Ports, b.Ports) && maps.Equal(a.Labels, b.Labels)
}

// Changes say what has happened since the last Read.
type Changes struct {
	Events    int                // that made a difference
	Urgent    bool               // something else than that pods of other nodes came or went
	First     map[Kind]time.Time // when the first of a kind arrived
	Transient map[netip.Addr]struct{}
	Heirs     map[netip.Addr]struct{} // addresses that had another owner before
}

// NewChanges are none.
func NewChanges() Changes {
	return Changes{First: map[Kind]time.Time{}, Transient: map[netip.Addr]struct{}{}, Heirs: map[netip.Addr]struct{}{}}
}

// Since is when the first of the changes arrived; zero when there are none.
func (c *Changes) Since() (t time.Time) {
	for _, first := range c.First {
		if t.IsZero() || first.Before(t) {
			t = first
		}
	}
	return t
}

// Merge adds later changes to those that could not be acted upon.
func (c *Changes) Merge(later Changes) {
	c.Events += later.Events
	c.Urgent = c.Urgent || later.Urgent
	for k, t := range later.First {
		if first, ok := c.First[k]; !ok || t.Before(first) {
			c.First[k] = t
		}
	}
	maps.Copy(c.Transient, later.Transient)
	maps.Copy(c.Heirs, later.Heirs)
}
