package watch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/netassay/netassay/model"
)

// livePods are the pods that own an address on the pod network. A pod that becomes
// terminal arrives as deleted, which is what it is for policies: its address may be
// somebody else's any moment.
const livePods = "status.phase!=Succeeded,status.phase!=Failed,spec.hostNetwork=false"

// Watcher follows the cluster for one node.
type Watcher struct {
	clients    *Clients
	node       string
	ledger     *ledger
	pods       *podStore
	namespaces *store[model.Namespace]
	policies   *store[*netv1.NetworkPolicy]
	nodes      *store[model.Node]

	// Trouble, if set before Run, is told of each request for a kind that failed, with
	// the number of failures in a row, and with none when the kind can be watched again.
	// Calls may be concurrent.
	Trouble func(k Kind, failures int, err error)
}

// New returns a Watcher of the node's view; nothing happens before Run.
func New(clients *Clients, node string) *Watcher {
	l := &ledger{synced: map[Kind]bool{}, changes: NewChanges(), wake: make(chan struct{}, 1), now: time.Now}
	return &Watcher{
		clients:    clients,
		node:       node,
		ledger:     l,
		pods:       newPodStore(l, node),
		namespaces: newNamespaceStore(l),
		policies:   newPolicyStore(l),
		nodes:      newNodeStore(l),
	}
}

// Wake receives after changes, once everything is in sync, and when the node becomes known;
// many changes may be one.
func (w *Watcher) Wake() <-chan struct{} { return w.ledger.wake }

// Synced are the kinds that have been listed completely.
func (w *Watcher) Synced() []Kind {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return !w.ledger.synced[k] })
}

// Urgent reports whether, since the last Read, something else has happened than that pods of
// other nodes came or went.
func (w *Watcher) Urgent() bool {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return w.ledger.changes.Urgent
}

// Read shows the cluster as it is known now, and what has changed since the last call. It
// is false, and nothing is shown, while not everything has been listed once. The lists are
// valid until read returns, and events wait for that: copies of them would be a good part
// of the agent's memory. What they refer to never changes, and their order means nothing.
func (w *Watcher) Read(read func(s model.Snapshot, c Changes)) (ok bool) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	if len(w.ledger.synced) < len(Kinds()) {
		return false
	}
	changes := w.ledger.changes
	w.ledger.changes = NewChanges()
	read(model.Snapshot{
		Pods: w.pods.items, Namespaces: w.namespaces.items, Policies: w.policies.items, Nodes: w.nodes.items,
	}, changes)
	return true
}

// Node is the node's own object; ok is false while it is not known.
func (w *Watcher) Node() (n model.Node, ok bool) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	if len(w.nodes.items) == 0 {
		return n, false
	}
	return w.nodes.items[0], true
}

// Peek is a copy of the cluster as it is known now, for answers to people. It takes no
// changes away from Read, and stays valid.
func (w *Watcher) Peek() (s model.Snapshot, ok bool) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return model.Snapshot{
		Pods:       slices.Clone(w.pods.items),
		Namespaces: slices.Clone(w.namespaces.items),
		Policies:   slices.Clone(w.policies.items),
		Nodes:      slices.Clone(w.nodes.items),
	}, len(w.ledger.synced) == len(Kinds())
}

// Sizes are how many objects of each kind are held, and how many distinct label sets pods
// have.
func (w *Watcher) Sizes() (objects map[Kind]int, labelSets int) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return map[Kind]int{
		Pods: len(w.pods.items), Namespaces: len(w.namespaces.items),
		Policies: len(w.policies.items), Nodes: len(w.nodes.items),
	}, len(w.pods.pool.labels.values)
}

// Run watches until ctx ends. It reconnects for ever: what is known stays valid while the
// API server is away.
func (w *Watcher) Run(ctx context.Context) {
	c := w.clients
	all := fields.Everything()
	var wg sync.WaitGroup
	for _, r := range []*cache.Reflector{
		w.reflector(Pods, "pods", c.Core, &podList{}, &pod{}, w.pods, fields.ParseSelectorOrDie(livePods)),
		w.reflector(Namespaces, "namespaces", c.Metadata, &metav1.PartialObjectMetadataList{}, &metav1.PartialObjectMetadata{}, w.namespaces, all),
		w.reflector(Policies, "networkpolicies", c.Networking, &netv1.NetworkPolicyList{}, &netv1.NetworkPolicy{}, w.policies, all),
		w.reflector(Nodes, "nodes", c.Core, &corev1.NodeList{}, &corev1.Node{}, w.nodes, fields.OneTermEqualSelector("metadata.name", w.node)),
	} {
		wg.Go(func() { r.RunWithContext(ctx) })
	}
	wg.Wait()
}

// trouble counts failures in a row of the requests for one kind.
func (w *Watcher) trouble(k Kind) func(error) {
	var failures atomic.Int32
	return func(err error) {
		if w.Trouble == nil || errors.Is(err, context.Canceled) {
			return
		}
		if err != nil {
			w.Trouble(k, int(failures.Add(1)), err)
		} else if failures.Swap(0) > 0 {
			w.Trouble(k, 0, nil)
		}
	}
}

func (w *Watcher) reflector(k Kind, resource string, client rest.Interface, list, item runtime.Object, into cache.ReflectorStore, sel fields.Selector) *cache.Reflector {
	params, trouble := w.clients.params, w.trouble(k)
	request := func(o metav1.ListOptions) *rest.Request {
		o.FieldSelector = sel.String()
		return client.Get().Resource(resource).VersionedParams(&o, params)
	}
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			into := list.DeepCopyObject()
			err := request(o).Do(ctx).Into(into)
			trouble(err)
			return into, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			o.Watch = true
			stream, err := request(o).Watch(ctx)
			trouble(err)
			return stream, err
		},
	}
	// For an API server that is away: quick at first, as most absences are short.
	backoff := &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 7, Cap: 10 * time.Second}
	return cache.NewReflectorWithOptions(lw, item, into, cache.ReflectorOptions{Name: resource, TypeDescription: resource, Backoff: backoff})
}

func newNamespaceStore(l *ledger) *store[model.Namespace] {
	return newStore(Namespaces, l, func(m *metav1.PartialObjectMetadata) (key, model.Namespace, bool) {
		return key{name: m.Name}, model.Namespace{Name: m.Name, Labels: m.Labels}, true
	}, func(a, b *model.Namespace) bool { return maps.Equal(a.Labels, b.Labels) })
}

func newPolicyStore(l *ledger) *store[*netv1.NetworkPolicy] {
	return newStore(Policies, l, func(p *netv1.NetworkPolicy) (key, *netv1.NetworkPolicy, bool) {
		small := &netv1.NetworkPolicy{Spec: p.Spec}
		small.Namespace, small.Name, small.UID, small.Generation = p.Namespace, p.Name, p.UID, p.Generation
		return key{p.Namespace, p.Name}, small, true
	}, func(a, b **netv1.NetworkPolicy) bool {
		return (*a).UID == (*b).UID && (*a).Generation == (*b).Generation && (*a).Generation != 0
	})
}

func newNodeStore(l *ledger) *store[model.Node] {
	return newStore(Nodes, l, func(n *corev1.Node) (key, model.Node, bool) {
		return key{name: n.Name}, model.NodeFromAPI(n), true
	}, func(a, b *model.Node) bool {
		return slices.Equal(a.IPs, b.IPs) && slices.Equal(a.PodCIDRs, b.PodCIDRs)
	})
}
