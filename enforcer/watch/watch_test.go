package watch_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/enforcer/watch/fakeapi"
	"github.com/netassay/netassay/model"
)

const deadline = time.Minute

// start runs a watcher of node n until the test ends.
func start(t *testing.T, api *fakeapi.Server) *watch.Watcher {
	t.Helper()
	clients, err := watch.NewClients(api.REST())
	if err != nil {
		t.Fatal(err)
	}
	w := watch.New(clients, "n")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// read keeps what Read shows.
func read(w *watch.Watcher) (s model.Snapshot, c watch.Changes, ok bool) {
	ok = w.Read(func(now model.Snapshot, changes watch.Changes) {
		s = model.Snapshot{
			Namespaces: slices.Clone(now.Namespaces), Nodes: slices.Clone(now.Nodes),
			Pods: slices.Clone(now.Pods), Policies: slices.Clone(now.Policies),
		}
		c = changes
	})
	return s, c, ok
}

// until takes snapshots at each wake until one is right. Changes of all are merged.
func until(t *testing.T, w *watch.Watcher, right func(model.Snapshot) bool) (model.Snapshot, watch.Changes) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	all := watch.NewChanges()
	for {
		s, c, ok := read(w)
		if ok {
			all.Merge(c)
			if right(s) {
				return s, all
			}
		}
		select {
		case <-w.Wake():
		case <-ctx.Done():
			t.Fatalf("not right in time: %+v (in sync: %v)", s, ok)
		}
	}
}

func pod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "a"}}}
	p.Spec.NodeName = "n"
	p.Status.Phase = corev1.PodRunning
	for _, c := range change {
		c(p)
	}
	return p
}

func ips(addresses ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.PodIPs = nil
		for _, a := range addresses {
			p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: a})
		}
	}
}

func names(s model.Snapshot) []string {
	var out []string
	for _, p := range s.Pods {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return out
}

func fill(api *fakeapi.Server) {
	api.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{"ns": "x"}}})
	api.Set(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}}}})
	api.Set(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "other"}})
	api.Set(pod("a", ips("10.0.0.1", "fd00::1")))
	api.Set(pod("done", ips("10.0.0.2"), func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }))
	api.Set(pod("host", ips("192.0.2.1"), func(p *corev1.Pod) { p.Spec.HostNetwork = true }))
	api.Set(&netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p", UID: "1", Generation: 1}})
}

func TestFirstSnapshot(t *testing.T) {
	for _, streaming := range []bool{true, false} {
		t.Run(fmt.Sprintf("streaming=%v", streaming), func(t *testing.T) {
			api := fakeapi.New(t)
			if !streaming {
				api.WithoutStreaming()
			}
			fill(api)
			got, c := until(t, start(t, api), func(model.Snapshot) bool { return true })
			want := model.Snapshot{
				Namespaces: []model.Namespace{{Name: "x", Labels: map[string]string{"ns": "x"}}},
				Nodes:      []model.Node{{Name: "n", IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
				Pods: []model.Pod{{
					UID: "uid-a", Namespace: "x", Name: "a", Node: "n", Labels: map[string]string{"app": "a"},
					IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")},
				}},
				Policies: []*netv1.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p", UID: "1", Generation: 1}}},
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
			if len(c.Transient) != 0 {
				t.Errorf("addresses of the first list are transient: %v", c.Transient)
			}
		})
	}
}

// TestNothingBeforeAllAreInSync is scenario 14 of docs/scenarios.md: while any one
// kind is not listed, there is no snapshot.
func TestNothingBeforeAllAreInSync(t *testing.T) {
	for _, late := range []string{"pods", "namespaces", "networkpolicies", "nodes"} {
		t.Run(late, func(t *testing.T) {
			api := fakeapi.New(t)
			fill(api)
			release := api.Hold(late)
			defer release()
			w := start(t, api)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(deadline); len(w.Synced()) < 3; <-tick.C {
				if time.Now().After(end) {
					t.Fatalf("in sync: %v, want all but %s", w.Synced(), late)
				}
			}
			if s, _, ok := read(w); ok {
				t.Fatalf("there is a snapshot without %s: %+v", late, s)
			}
			release()
			until(t, w, func(s model.Snapshot) bool {
				return len(s.Pods) == 1 && len(s.Namespaces) == 1 && len(s.Policies) == 1 && len(s.Nodes) == 1
			})
		})
	}
}

func addresses(c watch.Changes) []string {
	var out []string
	for a := range c.Transient {
		out = append(out, a.String())
	}
	slices.Sort(out)
	return out
}

func TestPodLives(t *testing.T) {
	api := fakeapi.New(t)
	fill(api)
	w := start(t, api)
	until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 1 })
	for _, tc := range []struct {
		name      string
		do        func()
		right     func(model.Snapshot) bool
		transient []string
	}{
		{"created without address", func() { api.Set(pod("b")) }, func(s model.Snapshot) bool { return len(s.Pods) == 2 }, nil},
		{"gets its address", func() { api.Set(pod("b", ips("10.0.0.7"))) }, func(s model.Snapshot) bool { return find(s, "b") == "10.0.0.7" }, []string{"10.0.0.7"}},
		{"relabelled", func() {
			api.Set(pod("b", ips("10.0.0.7"), func(p *corev1.Pod) { p.Labels["app"] = "z" }))
		}, func(s model.Snapshot) bool { return label(s, "b") == "z" }, nil},
		{"completed", func() {
			api.Set(pod("b", ips("10.0.0.7"), func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }))
		}, func(s model.Snapshot) bool { return len(s.Pods) == 1 }, []string{"10.0.0.7"}},
		{"address reused", func() { api.Set(pod("c", ips("10.0.0.7"))) }, func(s model.Snapshot) bool { return find(s, "c") == "10.0.0.7" }, []string{"10.0.0.7"}},
		{"replaced under its name", func() {
			api.Set(pod("c", ips("10.0.0.8"), func(p *corev1.Pod) { p.UID = "new" }))
		}, func(s model.Snapshot) bool { return find(s, "c") == "10.0.0.8" }, []string{"10.0.0.7", "10.0.0.8"}},
		{"deleted", func() { api.Delete(pod("c")) }, func(s model.Snapshot) bool { return len(s.Pods) == 1 }, []string{"10.0.0.8"}},
	} {
		tc.do()
		_, c := until(t, w, tc.right)
		if diff := cmp.Diff(tc.transient, addresses(c)); diff != "" {
			t.Errorf("%s: transient addresses (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestUrgent: everything but pods that come and go on other nodes.
func TestUrgent(t *testing.T) {
	api := fakeapi.New(t)
	fill(api)
	w := start(t, api)
	until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 1 })
	on := func(node string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.NodeName = node } }
	pods := func(n int) func(model.Snapshot) bool {
		return func(s model.Snapshot) bool { return len(s.Pods) == n }
	}
	for _, tc := range []struct {
		name  string
		do    func()
		right func(model.Snapshot) bool
		want  bool
	}{
		{"pod elsewhere", func() { api.Set(pod("b", on("other"))) }, pods(2), false},
		{"pod without a node", func() { api.Set(pod("c", on(""))) }, pods(3), false},
		{"pod elsewhere relabelled", func() { api.Set(pod("b", on("other"), relabel)) }, func(s model.Snapshot) bool { return labelOf(s, "b") == "new" }, true},
		{"pod of another node gone", func() { api.Delete(pod("b", on("other"))) }, pods(2), false},
		{"pod comes to this node", func() { api.Set(pod("c", ips("10.0.0.7"))) }, func(s model.Snapshot) bool { return find(s, "c") == "10.0.0.7" }, true},
		{"pod of this node gone", func() { api.Delete(pod("c")) }, pods(1), true},
		{"namespace", func() { api.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "new"}}) }, func(s model.Snapshot) bool { return len(s.Namespaces) == 2 }, true},
	} {
		tc.do()
		if _, c := until(t, w, tc.right); c.Urgent != tc.want {
			t.Errorf("%s: urgent %v, want %v", tc.name, c.Urgent, tc.want)
		}
		if w.Urgent() {
			t.Errorf("%s: still urgent after it has been read", tc.name)
		}
	}
}

func relabel(p *corev1.Pod) { p.Labels = map[string]string{"role": "new"} }

func labelOf(s model.Snapshot, name string) string {
	for _, p := range s.Pods {
		if p.Name == name {
			return p.Labels["role"]
		}
	}
	return ""
}

func find(s model.Snapshot, name string) string {
	for _, p := range s.Pods {
		if p.Name == name && len(p.IPs) > 0 {
			return p.IPs[0].String()
		}
	}
	return ""
}

func label(s model.Snapshot, name string) string {
	for _, p := range s.Pods {
		if p.Name == name {
			return p.Labels["app"]
		}
	}
	return ""
}

// TestWhatDoesNotMatterWakesNobody: status updates are most of what API servers send.
func TestWhatDoesNotMatterWakesNobody(t *testing.T) {
	api := fakeapi.New(t)
	fill(api)
	w := start(t, api)
	until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 1 })
	api.Set(pod("a", ips("10.0.0.1", "fd00::1"), func(p *corev1.Pod) { p.Status.Message = "still here" }))
	api.Set(&netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p", UID: "1", Generation: 1, Labels: map[string]string{"new": "label"}}})
	api.Set(pod("b")) // comes after the others in its own stream
	_, c := until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 2 })
	if c.Events != 1 {
		t.Errorf("%d events made a difference, want only the new pod", c.Events)
	}
}

// TestAPIServerAway is scenarios 31 and 32: what is known stays, and what happened
// meanwhile is there afterwards, deletions too.
func TestAPIServerAway(t *testing.T) {
	api := fakeapi.New(t)
	fill(api)
	w := start(t, api)
	until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 1 })
	requests := api.Requests("pods")
	api.Down(true)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); api.Requests("pods") < requests+2; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("nobody tried to reconnect")
		}
	}
	if s, _, ok := read(w); !ok || len(s.Pods) != 1 || len(s.Policies) != 1 {
		t.Errorf("away, the snapshot is %+v (ok=%v)", s, ok)
	}
	api.Delete(pod("a"))
	api.Set(pod("b", ips("10.0.0.5")))
	api.Down(false)
	s, c := until(t, w, func(s model.Snapshot) bool { return slices.Equal(names(s), []string{"b"}) })
	if len(s.Policies) != 1 {
		t.Errorf("policies after the outage: %v", s.Policies)
	}
	if diff := cmp.Diff([]string{"10.0.0.1", "10.0.0.5", "fd00::1"}, addresses(c)); diff != "" {
		t.Errorf("transient addresses (-want +got):\n%s", diff)
	}
}

// TestConnectionCut: a watch whose connection is cut goes on where it was, and what has
// happened meanwhile is there afterwards, also when the server has forgotten it.
func TestConnectionCut(t *testing.T) {
	for name, forget := range map[string]bool{"remembered": false, "forgotten": true} {
		t.Run(name, func(t *testing.T) {
			api := fakeapi.New(t)
			fill(api)
			w := start(t, api)
			until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 1 })
			api.Set(pod("b", ips("10.0.0.5"))) // a watch that nothing came from would list anew
			until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 2 })
			requests, release := api.Requests("pods"), api.Hold("pods")
			defer release()
			api.Cut()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(deadline); api.Requests("pods") == requests; <-tick.C {
				if time.Now().After(end) {
					t.Fatal("nobody tried to reconnect")
				}
			}
			api.Delete(pod("a"))
			api.Set(pod("c", ips("10.0.0.6")))
			if forget {
				api.Forget()
			}
			release()
			_, c := until(t, w, func(s model.Snapshot) bool { return slices.Equal(names(s), []string{"b", "c"}) })
			if diff := cmp.Diff([]string{"10.0.0.1", "10.0.0.6", "fd00::1"}, addresses(c)); diff != "" {
				t.Errorf("transient addresses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLabelSetsAreShared(t *testing.T) {
	api := fakeapi.New(t)
	fill(api)
	for i := range 100 {
		api.Set(pod(fmt.Sprint("p", i), func(p *corev1.Pod) { p.Labels["app"] = fmt.Sprint(i % 4) }))
	}
	w := start(t, api)
	until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 101 })
	if _, sets := w.Sizes(); sets != 5 {
		t.Errorf("%d label sets, want 5", sets)
	}
	for i := range 100 {
		api.Delete(pod(fmt.Sprint("p", i)))
	}
	until(t, w, func(s model.Snapshot) bool { return len(s.Pods) == 1 })
	if _, sets := w.Sizes(); sets != 1 {
		t.Errorf("%d label sets after the pods are gone, want 1", sets)
	}
}
