package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/oracle"
)

// world is a cluster in memory: an API server (client-go's fake, with the defaults that a
// real one and its kubelets add), an engine, and probers. It exists because its faults
// can't be had from a real cluster, and because its time is that of synctest: a test with
// timeouts of seconds takes none.
type world struct {
	client *fake.Clientset
	start  time.Time

	// verdict is the engine: what becomes of a flow now. The default enforces the state
	// of delay ago, and isolates a new pod before it starts.
	verdict func(f model.Flow) model.Verdict
	delay   time.Duration
	// lax API servers take what they must refuse.
	lax bool
	// broken probers give no observations; dead pods answer nobody.
	broken, dead func(name string) bool
	// interrupted says when a prober's stream was lost.
	interrupted func(name string, from, to time.Duration) error
	// late is why what was dropped proves nothing.
	late func() error
	// eats says which packets get lost, whatever the verdict.
	eats func(client string, t probe.Target) bool
	// credulous says that the engine takes the source of a packet for its sender.
	credulous bool
	// held are the long-lived flows that are open.
	held map[uint64]bool
	// lag is how late probers send what they are handed.
	lag func() time.Duration
	// streamed is what comes of a one-way stream.
	streamed func(fakeStream) probe.StreamReport

	// restarted is told of a restart.
	restarted func() error
	proxyless string // a node without a kube-proxy

	recording sync.Mutex // held from reading a state until it is the latest

	mu      sync.Mutex
	history []state // by time
	probers map[string]bool
	writes  []string // namespaces that were written to
	serial  int
	streams []fakeStream
	given   map[string][]corev1.PodIP // addresses, by the first of them
	reused  int                       // how many were given again
}

type fakeStream struct {
	client string
	stream probe.Stream
}

type state struct {
	at       time.Duration
	snapshot model.Snapshot
	services map[netip.AddrPort]netip.AddrPort // cluster IP to pod IP
	// entrances are the nodes that hosts outside come to by an address, and gates what is said of
	// them by a Service.
	entrances map[netip.Addr]string
	gates     map[netip.AddrPort]gate
	verdicts  *sync.Map // by flow, so that the oracle is asked once
}

func (s state) verdict(f model.Flow) model.Verdict {
	if v, ok := s.verdicts.Load(f); ok {
		return v.(model.Verdict)
	}
	v := oracle.Evaluate(s.snapshot, f).Verdict
	s.verdicts.Store(f, v)
	return v
}

const (
	fakeRTT   = time.Millisecond
	fakeNodes = 3
)

func newWorld() *world {
	w := &world{
		client: fake.NewClientset(), start: time.Now(), delay: 30 * time.Millisecond,
		probers: map[string]bool{}, held: map[uint64]bool{}, given: map[string][]corev1.PodIP{},
		restarted: func() error { return nil },
		broken:    func(string) bool { return false }, dead: func(string) bool { return false },
		interrupted: func(string, time.Duration, time.Duration) error { return nil },
		late:        func() error { return nil },
		eats:        func(string, probe.Target) bool { return false },
		lag:         func() time.Duration { return 0 },
		streamed: func(s fakeStream) probe.StreamReport {
			return probe.StreamReport{Client: s.client, Stream: s.stream, Sender: wire.SenderReport{Start: fakeBegan + time.Millisecond, Sent: 100}}
		},
	}
	w.verdict = w.enforced
	w.client.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{GitVersion: "v1.37.2"}
	react := k8stesting.ObjectReaction(w.client.Tracker())
	w.client.PrependReactor("*", "*", func(a k8stesting.Action) (bool, runtime.Object, error) {
		if create, ok := a.(k8stesting.CreateActionImpl); ok && len(create.CreateOptions.DryRun) > 0 && !w.lax {
			return true, nil, apierrors.NewInvalid(schema.GroupKind{}, "policy", nil)
		}
		if w.lingers(a) {
			return true, nil, nil
		}
		w.complete(a)
		handled, object, err := react(a)
		if a.GetVerb() != "get" && a.GetVerb() != "list" {
			w.record(a)
		}
		return handled, object, err
	})
	for n := 1; n <= fakeNodes; n++ {
		w.add(corev1.SchemeGroupVersion.WithResource("nodes"), &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", n)},
			Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("172.18.0.%d", n)},
				{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("fd00:172:18::%d", n)},
			}},
		}, "")
	}
	w.add(corev1.SchemeGroupVersion.WithResource("namespaces"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}}, "")
	w.add(corev1.SchemeGroupVersion.WithResource("namespaces"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "netassay-other-a1-x"}}, "")
	w.record(nil)
	return w
}

func (w *world) add(r schema.GroupVersionResource, o runtime.Object, namespace string) {
	if err := w.client.Tracker().Create(r, o, namespace); err != nil {
		panic(err)
	}
}

// lingers reports whether an action only begins the end of a pod that takes its time.
func (w *world) lingers(a k8stesting.Action) bool {
	d, ok := a.(k8stesting.DeleteActionImpl)
	if !ok || d.Resource.Resource != "pods" || d.DeleteOptions.GracePeriodSeconds != nil {
		return false
	}
	object, err := w.client.Tracker().Get(d.GetResource(), d.GetNamespace(), d.Name)
	pod, ok := object.(*corev1.Pod)
	return err == nil && ok && ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, 0) > 1
}

// complete adds to new objects what the API server and the kubelets would.
func (w *world) complete(a k8stesting.Action) {
	create, ok := a.(k8stesting.CreateAction)
	if !ok || a.GetVerb() != "create" { // of an update too it can be said what to create
		return
	}
	switch o := create.GetObject().(type) {
	case *corev1.Namespace:
		o.Labels[corev1.LabelMetadataName] = o.Name
	case *corev1.Pod:
		o.Status.Phase = corev1.PodRunning
		o.Status.PodIPs = w.newIPs("10.244.", "fd00:10::")
		if again := w.given[o.Annotations[w.AddressAnnotation()]]; again != nil {
			o.Status.PodIPs, w.reused = again, w.reused+1
			w.cutFlows() // those of an address end with its pod, and here all others do
		}
		if o.Spec.HostNetwork {
			n := strings.TrimPrefix(o.Spec.NodeName, "n")
			o.Status.PodIPs = []corev1.PodIP{{IP: "172.18.0." + n}, {IP: "fd00:172:18::" + n}}
		}
	case *corev1.Service:
		for _, ip := range w.newIPs("10.96.", "fd00:96::") {
			o.Spec.ClusterIPs = append(o.Spec.ClusterIPs, ip.IP)
		}
		if o.Spec.ClusterIP == corev1.ClusterIPNone {
			o.Spec.ClusterIPs = []string{corev1.ClusterIPNone}
		}
		for i := range o.Spec.Ports {
			if o.Spec.Type == corev1.ServiceTypeNodePort || o.Spec.Type == corev1.ServiceTypeLoadBalancer {
				w.mu.Lock()
				w.serial++
				o.Spec.Ports[i].NodePort = int32(30000 + w.serial)
				w.mu.Unlock()
			}
		}
	}
}

func (w *world) newIPs(v4, v6 string) []corev1.PodIP {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	ips := []corev1.PodIP{{IP: fmt.Sprintf("%s%d.%d", v4, w.serial/250, w.serial%250+1)}, {IP: fmt.Sprintf("%s%x", v6, w.serial)}}
	w.given[ips[0].IP] = ips
	return ips
}

// record keeps the state after a write.
func (w *world) record(a k8stesting.Action) {
	w.recording.Lock()
	defer w.recording.Unlock()
	if d, ok := a.(k8stesting.DeleteAction); ok && d.GetResource().Resource == "namespaces" {
		w.empty(d.GetName())
	}
	s := state{
		at: w.now(), services: map[netip.AddrPort]netip.AddrPort{}, verdicts: &sync.Map{},
		entrances: map[netip.Addr]string{}, gates: map[netip.AddrPort]gate{},
	}
	each(w, "namespaces", "Namespace", func(l *corev1.NamespaceList) {
		for i := range l.Items {
			s.snapshot.Namespaces = append(s.snapshot.Namespaces, model.NamespaceFromAPI(&l.Items[i]))
		}
	})
	each(w, "nodes", "Node", func(l *corev1.NodeList) {
		for i := range l.Items {
			s.snapshot.Nodes = append(s.snapshot.Nodes, model.NodeFromAPI(&l.Items[i]))
		}
	})
	each(w, "pods", "Pod", func(l *corev1.PodList) {
		for i := range l.Items {
			p, ok := model.PodFromAPI(&l.Items[i])
			if !ok {
				continue
			}
			s.snapshot.Pods = append(s.snapshot.Pods, p)
		}
	})
	each(w, "services", "Service", func(l *corev1.ServiceList) {
		for i := range l.Items {
			s.serve(w, &l.Items[i])
		}
	})
	list, err := w.client.Tracker().List(netv1.SchemeGroupVersion.WithResource("networkpolicies"), netv1.SchemeGroupVersion.WithKind("NetworkPolicy"), "")
	if err != nil {
		panic(err)
	}
	for i := range list.(*netv1.NetworkPolicyList).Items {
		s.snapshot.Policies = append(s.snapshot.Policies, &list.(*netv1.NetworkPolicyList).Items[i])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, s)
	if a != nil {
		w.writes = append(w.writes, written(a))
	}
}

// gate is whom a Service keeps out: hosts outside that come to a node without its pod, or from
// elsewhere than its ranges.
type gate struct {
	local  bool
	ranges []string
}

// serve leads what clients may dial to the pod of a Service, once that is there.
func (s *state) serve(w *world, o *corev1.Service) {
	i := slices.IndexFunc(s.snapshot.Pods, func(p model.Pod) bool {
		return p.Key() == o.Namespace+"/"+o.Spec.Selector[fixture.PodLabel]
	})
	if i < 0 {
		return
	}
	pod := s.snapshot.Pods[i]
	for _, p := range o.Spec.Ports {
		target := uint16(p.TargetPort.IntVal)
		for _, declared := range pod.Ports {
			if declared.Name == p.TargetPort.StrVal && declared.Name != "" {
				target = declared.Number
			}
		}
		lead := func(ips []netip.Addr, port int32) {
			for _, ip := range ips {
				s.services[netip.AddrPortFrom(ip, uint16(port))] = netip.AddrPortFrom(model.FamilyOf(ip).First(pod.IPs), target)
			}
		}
		lead(parseIPs(o.Spec.ClusterIPs), p.Port)
		local := o.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
		for _, n := range s.snapshot.Nodes {
			lead(n.IPs, p.NodePort)
			s.guard(n.Name, n.IPs, p.NodePort, gate{local: local})
			if len(o.Status.LoadBalancer.Ingress) > 0 {
				ips := w.BalancerIPs(n.Name, uint16(o.Spec.Ports[0].NodePort))
				lead(ips, p.Port)
				s.guard(n.Name, ips, p.Port, gate{local, o.Spec.LoadBalancerSourceRanges})
			}
		}
	}
}

// guard puts a gate before what leads in by a node.
func (s *state) guard(node string, ips []netip.Addr, port int32, g gate) {
	for _, ip := range ips {
		s.entrances[ip], s.gates[netip.AddrPortFrom(ip, uint16(port))] = node, g
	}
}

func written(a k8stesting.Action) string {
	if a.GetResource().Resource != "namespaces" {
		return a.GetNamespace()
	}
	switch a := a.(type) {
	case k8stesting.CreateAction:
		return a.GetObject().(*corev1.Namespace).Name
	case k8stesting.DeleteAction:
		return a.GetName()
	case k8stesting.PatchAction:
		return a.GetName()
	}
	return ""
}

func each[L runtime.Object](w *world, resource, kind string, take func(L)) {
	gv := corev1.SchemeGroupVersion
	list, err := w.client.Tracker().List(gv.WithResource(resource), gv.WithKind(kind), "")
	if err != nil {
		panic(err)
	}
	take(list.(L))
}

// empty deletes what is in a namespace, as the namespace controller does.
func (w *world) empty(namespace string) {
	remove := func(gv schema.GroupVersion, resource string, names []string) {
		for _, name := range names {
			_ = w.client.Tracker().Delete(gv.WithResource(resource), namespace, name)
		}
	}
	var pods, services []string
	each(w, "pods", "Pod", func(l *corev1.PodList) {
		for i := range l.Items {
			pods = append(pods, l.Items[i].Name)
		}
	})
	each(w, "services", "Service", func(l *corev1.ServiceList) {
		for i := range l.Items {
			services = append(services, l.Items[i].Name)
		}
	})
	remove(corev1.SchemeGroupVersion, "pods", pods)
	remove(corev1.SchemeGroupVersion, "services", services)
	list, _ := w.client.Tracker().List(netv1.SchemeGroupVersion.WithResource("networkpolicies"), netv1.SchemeGroupVersion.WithKind("NetworkPolicy"), namespace)
	for i := range list.(*netv1.NetworkPolicyList).Items {
		remove(netv1.SchemeGroupVersion, "networkpolicies", []string{list.(*netv1.NetworkPolicyList).Items[i].Name})
	}
}

func (w *world) now() time.Duration { return time.Since(w.start) }

// seen is the state as it was ago.
func (w *world) seen(ago time.Duration) state {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.now() - ago
	for i := len(w.history) - 1; i > 0; i-- {
		if w.history[i].at <= at {
			return w.history[i]
		}
	}
	return w.history[0]
}

// enforced is the verdict of an engine that is delay behind, but isolates the pods that cases
// make before they start.
func (w *world) enforced(f model.Flow) model.Verdict {
	known, now := w.seen(min(w.delay, 30*time.Millisecond)), w.seen(0)
	for _, ip := range []netip.Addr{f.Client, f.Server} {
		if key := podAt(now.snapshot, ip); made(key) && podAt(known.snapshot, ip) != key {
			return now.verdict(f)
		}
	}
	return w.seen(w.delay).verdict(f)
}

// made reports whether a pod is one that a case makes: its name is a letter after those of the
// fixture's.
func made(key string) bool {
	_, name, _ := strings.Cut(key, "/")
	return len(name) == 1 && name > "c"
}

// sinceWrite is how long ago the last write to a policy or label was, of all in history.
func (w *world) sinceWrite() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now() - w.history[len(w.history)-1].at
}

// config is a run of these cases in the world.
func (w *world) config(chosen ...cases.Case) Config {
	return Config{
		Cluster: w, Client: w.client, Fleet: w, Cases: chosen, RunID: "t", Engine: "fake", Seed: 1, Now: w.now, RestartEngine: w.RestartAPIServer,
		Timing: Timing{Deadline: time.Second},
	}
}

// inWorld runs f in a new world and a bubble of fake time.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld()) })
}

// run runs the cases and checks what holds for every run.
func (w *world) run(t *testing.T, cfg Config) *v1.Run {
	t.Helper()
	return w.runIn(t, t.Context(), cfg, nil)
}

func (w *world) runIn(t *testing.T, ctx context.Context, cfg Config, wantErr error) *v1.Run {
	t.Helper()
	var recorded v1.Run
	cfg.Record = func(records ...v1.Record) {
		for _, r := range records {
			if err := recorded.Add(r); err != nil {
				t.Errorf("record: %v", err)
			}
		}
	}
	run, err := Run(ctx, cfg)
	if !errors.Is(err, wantErr) {
		t.Fatalf("run: error %v, want %v", err, wantErr)
	}
	if len(run.Cases) != len(cfg.Cases) {
		t.Errorf("%d cases in the result, want %d", len(run.Cases), len(cfg.Cases))
	}
	synctest.Wait()
	w.checkClean(t)
	cfg.Record(&run.RunConditions)
	if want, got := encoded(t, run), encoded(t, &recorded); want != got {
		t.Errorf("the run (-returned +recorded):\n%s", cmp.Diff(want, got))
	}
	return run
}

func encoded(t *testing.T, run *v1.Run) string {
	t.Helper()
	text, err := json.MarshalIndent(run, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkClean checks law 11 and that nothing was written outside of the run's namespaces.
func (w *world) checkClean(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []string
	for _, n := range w.history[len(w.history)-1].snapshot.Namespaces {
		left = append(left, n.Name)
	}
	slices.Sort(left)
	if want := []string{"kube-system", "netassay-other-a1-x"}; !slices.Equal(left, want) {
		t.Errorf("namespaces left: %v, want %v", left, want)
	}
	if len(w.probers) > 0 {
		t.Errorf("probers left: %v", slices.Sorted(maps.Keys(w.probers)))
	}
	for _, n := range w.writes {
		if !strings.HasPrefix(n, "netassay-t-") {
			t.Errorf("wrote to namespace %q", n)
		}
	}
}

func loadCases(t testing.TB, names ...string) []cases.Case {
	t.Helper()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := Select(all, Selection{Cases: names})
	if err != nil {
		t.Fatal(err)
	}
	return chosen
}
