//go:build mutants

package mutants

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/netassay/netassay/enforcer/agent"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/watch"
)

// event is one thing that the API server says.
type event struct {
	kind    watch.Kind
	of      apiwatch.EventType
	object  object
	was     object // as the API server had it before; nil: it had not
	gave    object // as the enforcer was told of it last; nil: it was not
	initial bool   // part of a list
	again   bool   // which is not the first
	after   time.Duration
}

func (e event) pod() *corev1.Pod             { return e.object.(*corev1.Pod) }
func (e event) policy() *netv1.NetworkPolicy { return e.object.(*netv1.NetworkPolicy) }

// is reports whether e is news of that kind and type.
func (e event) is(k watch.Kind, t apiwatch.EventType) bool {
	return !e.initial && e.kind == k && e.of == t
}

// as is e with another type.
func (e event) as(t apiwatch.EventType) event {
	e.of = t
	return e
}

// late is e, told later.
func (e event) late(by time.Duration) event {
	e.after += by
	return e
}

// node is a mutant at work on a node.
type node struct {
	name string
	log  *slog.Logger
	raw  *raw

	// change says what becomes of an event; nil: nothing. It is called by one at a time.
	change func(e event) []event
	// before is called before each command of the enforcer; nil: nothing to do.
	before func(c kernel.Command) error
	// widely has pods of the host's network watched too.
	widely bool
	// host says what the enforcer sees of its node; nil: what there is.
	host agent.Host
	// trusting leaves pods open that are not known.
	trusting bool

	mu     sync.Mutex
	seen   map[watch.Kind]map[string]object // what the API server has, by namespace/name
	given  map[watch.Kind]map[string]object // what the enforcer has
	listed map[watch.Kind]int
	queued []func() // for when the kernel has been written next
}

func newNode(name string, log *slog.Logger) *node {
	return &node{name: name, log: log, raw: &raw{log: log}, seen: none(), given: none(), listed: map[watch.Kind]int{}}
}

func none() map[watch.Kind]map[string]object {
	return map[watch.Kind]map[string]object{watch.Pods: {}, watch.Namespaces: {}, watch.Policies: {}}
}

func keyOf(o object) string { return o.GetNamespace() + "/" + o.GetName() }

// keep notes what an event says of an object.
func keep(in map[watch.Kind]map[string]object, e event) {
	if e.of == apiwatch.Deleted {
		delete(in[e.kind], keyOf(e.object))
	} else {
		in[e.kind][keyOf(e.object)] = copyOf(e.object)
	}
}

// told passes an event through the fault.
func (n *node) told(e event) []event {
	n.mu.Lock()
	defer n.mu.Unlock()
	e.was, e.gave = n.seen[e.kind][keyOf(e.object)], n.given[e.kind][keyOf(e.object)]
	keep(n.seen, e)
	out := []event{e}
	if n.change != nil {
		out = n.change(e)
	}
	for _, o := range out {
		if o.after == 0 {
			keep(n.given, o)
		}
	}
	return out
}

// lists counts one more list of a kind.
func (n *node) lists(k watch.Kind) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listed[k]++
	return n.listed[k]
}

// enforced has f called once the kernel has been written next. It is for use by change.
func (n *node) enforced(f func()) { n.queued = append(n.queued, f) }

// written calls what waited for the kernel to be written.
func (n *node) written() {
	n.mu.Lock()
	queued := n.queued
	n.queued = nil
	n.mu.Unlock()
	for _, f := range queued {
		f()
	}
}

// all are the objects of a kind in a namespace, as the API server has them; "" is all. It is
// for use by change.
func (n *node) all(k watch.Kind, namespace string) []object {
	var out []object
	for _, o := range n.seen[k] {
		if namespace == "" || o.GetNamespace() == namespace {
			out = append(out, o)
		}
	}
	return out
}

// addresses are those of a namespace's pods. It is for use by change.
func (n *node) addresses(namespace string) []string {
	var out []string
	for _, o := range n.all(watch.Pods, namespace) {
		out = append(out, addressesOf(o.(*corev1.Pod))...)
	}
	slices.Sort(out)
	return out
}

func addressesOf(p *corev1.Pod) []string {
	var out []string
	for _, ip := range p.Status.PodIPs {
		out = append(out, ip.IP)
	}
	return out
}

// Run implements kernel.Runner.
func (n *node) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	if n.before != nil {
		if err := n.before(c); err != nil {
			return nil, err
		}
	}
	var text strings.Builder
	if stdin := c.Stdin; stdin != nil {
		c.Stdin = func(w io.Writer) error { return stdin(io.MultiWriter(w, &text)) }
	}
	out, err := kernel.Exec{}.Run(ctx, c)
	if err == nil && c.Stdin != nil {
		// What is tried first, to learn what the kernel knows, is not reached from anywhere.
		if strings.HasSuffix(c.Argv[0], "-restore") && strings.Contains(text.String(), " FORWARD ") {
			err = n.raw.hook(ctx, c.Argv[0])
		}
		n.written()
	}
	return unseen(out), err
}

// unseen hides the mutant's own rules: an enforcer that tells of strange ones ahead of its own
// would not get to work.
func unseen(out []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(out) {
		if !bytes.Contains(line, []byte(prefix)) {
			kept = append(kept, line...)
		}
	}
	return kept
}
