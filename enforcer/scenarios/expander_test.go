package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/enforcer/watch/fakeapi"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

// event is a change of one object: it is set, or deleted.
type event struct {
	object  runtime.Object
	deleted bool
}

// history is the events that lead to one object's last state, in their order.
type history []event

// histories are for each object of the snapshot how it came to be: other content first, a
// deletion in between, or just what it is.
func histories(r *rand.Rand, s model.Snapshot) []history {
	var out []history
	for _, n := range s.Namespaces {
		before := n
		before.Labels = map[string]string{"ns": "other", "team": "red"}
		out = append(out, draw(r, apiNamespace(before), apiNamespace(n)))
	}
	for _, n := range s.Nodes {
		before := n
		before.IPs = nil
		out = append(out, draw(r, apiNode(before), apiNode(n)))
	}
	for _, p := range s.Pods {
		before := p
		before.UID, before.Labels, before.Ports = p.UID+"-before", map[string]string{"app": "b", "tier": "back"}, nil
		if r.IntN(2) == 0 {
			before.IPs = nil
		}
		out = append(out, draw(r, apiPod(before), apiPod(p)))
	}
	for i, p := range s.Policies {
		last := generation(p, 2)
		last.UID = types.UID(fmt.Sprint("uid-", i))
		before := generation(last, 1)
		before.Spec = netv1.NetworkPolicySpec{}
		out = append(out, draw(r, before, last))
	}
	return out
}

func draw(r *rand.Rand, before, last runtime.Object) history {
	switch r.IntN(4) {
	case 0:
		return history{{object: before}, {object: last}}
	case 1:
		return history{{object: last}, {object: last, deleted: true}, {object: last}}
	case 2:
		return history{{object: before}, {object: before, deleted: true}, {object: last}}
	}
	return history{{object: last}}
}

// extras come and go: nothing of them may be left in a plan.
func extras(s model.Snapshot) []history {
	gone := pod("x/gone", "n1", "10.0.9.9", "fd00:10:9::9")
	p := blocks("x/gone", "203.0.113.0/24")
	return []history{
		{{object: apiPod(gone)}, {object: apiPod(gone), deleted: true}},
		{{object: p}, {object: p, deleted: true}},
		{{object: apiNamespace(model.Namespace{Name: "gone", Labels: s.Namespaces[0].Labels})}, {object: apiNamespace(model.Namespace{Name: "gone"}), deleted: true}},
	}
}

// interleave mixes histories; the events of one object stay in their order.
func interleave(r *rand.Rand, hs []history) []event {
	var out []event
	rest := slices.Clone(hs)
	for len(rest) > 0 {
		i := r.IntN(len(rest))
		out = append(out, rest[i][0])
		if rest[i] = rest[i][1:]; len(rest[i]) == 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return out
}

// order is a way for the same end state to come about.
type order struct {
	name   string
	events func(r *rand.Rand, hs []history) []event
	drive  func(r *rand.Rand, api *fakeapi.Server, events []event, start func())
}

func orders() []order {
	mixed := interleave
	each := func(_ *rand.Rand, api *fakeapi.Server, events []event, start func()) {
		start()
		for _, e := range events {
			send(api, e)
		}
	}
	return []order{
		{"kind by kind", func(_ *rand.Rand, hs []history) []event { return slices.Concat(hs...) }, each},
		{"reversed", func(_ *rand.Rand, hs []history) []event {
			hs = slices.Clone(hs)
			slices.Reverse(hs)
			return slices.Concat(hs...)
		}, each},
		{"interleaved", mixed, each},
		{"duplicated", func(r *rand.Rand, hs []history) []event {
			var out []event
			for _, e := range mixed(r, hs) {
				out = append(out, e)
				if !e.deleted {
					out = append(out, e)
				}
			}
			return out
		}, each},
		{"squashed", func(_ *rand.Rand, hs []history) []event { // only how each ends
			var out []event
			for _, h := range hs {
				if last := h[len(h)-1]; !last.deleted {
					out = append(out, last)
				}
			}
			return out
		}, func(_ *rand.Rand, api *fakeapi.Server, events []event, start func()) {
			for _, e := range events {
				send(api, e)
			}
			start()
		}},
		{"begun in the middle", mixed, func(r *rand.Rand, api *fakeapi.Server, events []event, start func()) {
			at := r.IntN(len(events))
			for i, e := range events {
				if i == at {
					start()
				}
				send(api, e)
			}
		}},
		{"one kind delayed", mixed, func(r *rand.Rand, api *fakeapi.Server, events []event, start func()) {
			release := api.Hold([]string{"pods", "namespaces", "networkpolicies", "nodes"}[r.IntN(4)])
			defer release()
			each(r, api, events, start)
		}},
		{"cut in the middle", mixed, func(r *rand.Rand, api *fakeapi.Server, events []event, start func()) {
			start()
			at := r.IntN(len(events))
			for i, e := range events {
				if i == at {
					api.Down(true)
				}
				send(api, e)
			}
			api.Down(false)
		}},
	}
}

func send(api *fakeapi.Server, e event) {
	if e.deleted {
		api.Delete(e.object)
	} else {
		api.Set(e.object)
	}
}

// TestExpander: the same end state, come about by events in any order, doubled, squashed
// into one list, delayed, cut off in the middle, gives the same plan to the byte. What is
// between is the real watcher: its requests, streams, decoders and stores.
func TestExpander(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(rounds(10)) {
		r := rand.New(rand.NewPCG(seed, round))
		s := gen.New(r.Uint64(), 0).Snapshot
		s.Pods = slices.DeleteFunc(s.Pods, func(p model.Pod) bool { return p.HostNetwork })
		hs := append(histories(r, s), extras(s)...)
		want := bytesOf(t, s)
		for _, o := range orders() {
			got := observe(t, o, r, hs, s)
			if diff := cmp.Diff(want, bytesOf(t, got)); diff != "" {
				t.Fatalf("seed %d, round %d, %s (-the snapshot's plan +what was watched):\n%s", seed, round, o.name, diff)
			}
		}
	}
}

// bytesOf is a plan in full: the text of sets and rules, and the problems.
func bytesOf(t *testing.T, s model.Snapshot) string {
	t.Helper()
	p := plan.Compile(s, "n1")
	text, err := simnet.Render(p)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s\n%s\n%s\n%v", text.Sets, text.Rules4, text.Rules6, p.Problems)
}

// observe drives the events through an API server and returns what a watcher of node n1
// knows at last. Of each kind a last event marks the end, as every stream keeps its order.
func observe(t *testing.T, o order, r *rand.Rand, hs []history, s model.Snapshot) model.Snapshot {
	t.Helper()
	api := fakeapi.New(t)
	clients, err := watch.NewClients(api.REST())
	if err != nil {
		t.Fatal(err)
	}
	w := watch.New(clients, "n1")
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	done := make(chan struct{})
	started := false
	defer func() {
		cancel()
		if started {
			<-done
		}
	}()
	o.drive(r, api, o.events(r, hs), func() {
		started = true
		go func() { defer close(done); w.Run(ctx) }()
	})
	mark := model.Snapshot{
		Namespaces: []model.Namespace{{Name: "end"}},
		Nodes:      []model.Node{{Name: "n1", IPs: append(slices.Clone(s.Nodes[0].IPs), addr(s, "203.0.113.250"))}},
		Pods:       []model.Pod{pod("end/end", "")},
	}
	api.Set(apiNamespace(mark.Namespaces[0]))
	api.Set(apiNode(mark.Nodes[0]))
	api.Set(apiPod(mark.Pods[0]))
	api.Set(blocks("end/end"))
	for {
		if got, ok := w.Peek(); ok && marked(got, mark) {
			return got
		}
		select {
		case <-w.Wake():
		case <-ctx.Done():
			t.Fatalf("%s: not in time; in sync: %v", o.name, w.Synced())
		}
	}
}

// marked reports whether the last event of every kind has arrived.
func marked(s, mark model.Snapshot) bool {
	return slices.ContainsFunc(s.Namespaces, func(n model.Namespace) bool { return n.Name == "end" }) &&
		slices.ContainsFunc(s.Pods, func(p model.Pod) bool { return p.Key() == "end/end" }) &&
		slices.ContainsFunc(s.Policies, func(p *netv1.NetworkPolicy) bool { return p.Namespace == "end" }) &&
		slices.ContainsFunc(s.Nodes, func(n model.Node) bool { return slices.Equal(n.IPs, mark.Nodes[0].IPs) })
}
