package deploy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/enforcer/agent"
	agentbench "github.com/netassay/netassay/enforcer/agent/bench"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/enforcer/watch/fakeapi"
)

// decode reads a file's documents, in order, into objects; a field that the API does not
// have is an error.
func decode(t *testing.T, file string, into ...any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	docs := bytes.Split(text, []byte("\n---\n"))
	if len(docs) != len(into) {
		t.Fatalf("%s has %d documents, want %d", file, len(docs), len(into))
	}
	for i, doc := range docs {
		if err := yaml.UnmarshalStrict(doc, into[i]); err != nil {
			t.Fatalf("%s, document %d: %v", file, i+1, err)
		}
	}
}

func TestDaemonSet(t *testing.T) {
	var ds appsv1.DaemonSet
	decode(t, "daemonset.yaml", &ds)
	spec := ds.Spec.Template.Spec
	if !spec.HostNetwork || spec.PriorityClassName != "system-node-critical" || spec.Tolerations[0].Operator != corev1.TolerationOpExists {
		t.Errorf("pod: hostNetwork %v, priority %s, tolerations %v", spec.HostNetwork, spec.PriorityClassName, spec.Tolerations)
	}
	c := spec.Containers[0]
	sc := c.SecurityContext
	if want := (&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"NET_ADMIN", "NET_RAW"}}); !cmp.Equal(sc.Capabilities, want) {
		t.Errorf("capabilities %+v", sc.Capabilities)
	}
	if !*sc.ReadOnlyRootFilesystem || *sc.Privileged || *sc.AllowPrivilegeEscalation {
		t.Errorf("security context %+v", sc)
	}
	if v := spec.Volumes[0].HostPath; len(spec.Volumes) != 1 || v.Path != "/run/xtables.lock" || *v.Type != corev1.HostPathFileOrCreate || c.VolumeMounts[0].MountPath != v.Path {
		t.Errorf("volumes %+v, mounts %+v", spec.Volumes, c.VolumeMounts)
	}
	if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.Resources.Requests.Memory().IsZero() {
		t.Error("probes or resources are missing")
	}
	for k, v := range ds.Spec.Selector.MatchLabels {
		if ds.Spec.Template.Labels[k] != v {
			t.Errorf("the selector wants %s=%s, the pods have %v", k, v, ds.Spec.Template.Labels)
		}
	}
}

func TestManifests(t *testing.T) {
	text, err := Manifests("registry.example/enforcer@sha256:0f")
	if err != nil {
		t.Fatal(err)
	}
	docs := strings.Split(text, "\n---\n")
	kinds := make([]string, len(docs))
	for i, doc := range docs {
		var object struct{ Kind string }
		if err := yaml.Unmarshal([]byte(doc), &object); err != nil {
			t.Fatalf("document %d: %v", i+1, err)
		}
		kinds[i] = object.Kind
	}
	if diff := cmp.Diff([]string{"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "DaemonSet"}, kinds); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var ds appsv1.DaemonSet
	if err := yaml.UnmarshalStrict([]byte(docs[3]), &ds); err != nil {
		t.Fatal(err)
	}
	if got := ds.Spec.Template.Spec.Containers[0].Image; got != "registry.example/enforcer@sha256:0f" {
		t.Errorf("image %q", got)
	}
	for _, bad := range []string{"", "a b", "a\nhostPID: true", "'", "a#b"} {
		if _, err := Manifests(bad); err == nil {
			t.Errorf("image %q was taken", bad)
		}
	}
}

func TestKustomization(t *testing.T) {
	var k struct {
		APIVersion, Kind string
		Resources        []string
		Images           []struct{ Name, NewTag string }
	}
	decode(t, "kustomization.yaml", &k)
	var ds appsv1.DaemonSet
	decode(t, "daemonset.yaml", &ds)
	if !slices.Equal(k.Resources, []string{"rbac.yaml", "daemonset.yaml"}) || !strings.HasPrefix(ds.Spec.Template.Spec.Containers[0].Image, k.Images[0].Name+":") {
		t.Errorf("kustomization %+v, image %s", k, ds.Spec.Template.Spec.Containers[0].Image)
	}
}

// recorder notes what requests need: verb, group and resource.
type recorder struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (r *recorder) note(req *http.Request) {
	verb := map[string]string{http.MethodGet: "list", http.MethodPost: "create"}[req.Method]
	if req.URL.Query().Get("watch") == "true" {
		verb = "watch"
	}
	words := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	group := ""
	if words[0] == "apis" {
		group = words[1]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[verb+" "+group+"/"+words[len(words)-1]] = true
}

// TestRoleIsWhatIsUsed runs an agent through all that it ever asks of an API server: lists
// that stream and that can't, watches, and an event.
func TestRoleIsWhatIsUsed(t *testing.T) {
	r := &recorder{seen: map[string]bool{}}
	for _, streaming := range []bool{true, false} {
		run(t, r, streaming)
	}
	var role rbacv1.ClusterRole
	var binding rbacv1.ClusterRoleBinding
	var account corev1.ServiceAccount
	decode(t, "rbac.yaml", &account, &role, &binding)
	allowed := map[string]bool{}
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			for _, resource := range rule.Resources {
				allowed[verb+" "+rule.APIGroups[0]+"/"+resource] = true
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(r.seen, allowed); diff != "" {
		t.Errorf("-asked for +allowed:\n%s", diff)
	}
	if binding.RoleRef.Name != role.Name || binding.Subjects[0].Name != account.Name || binding.Subjects[0].Namespace != account.Namespace {
		t.Errorf("binding %+v", binding)
	}
}

func run(t *testing.T, r *recorder, streaming bool) {
	t.Helper()
	api := fakeapi.New(t)
	if !streaming {
		api.WithoutStreaming()
	}
	api.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x"}})
	api.Set(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	api.Set(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "a", UID: "1"}, Spec: corev1.PodSpec{NodeName: "n"},
		Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}}},
	})
	api.Set(&netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p", UID: "p", Generation: 1},
		Spec:       netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{IPBlock: &netv1.IPBlock{CIDR: "nonsense"}}}}}},
	})
	cfg := api.REST()
	cfg.Wrap(func(rt http.RoundTripper) http.RoundTripper {
		return &forward{rt, r}
	})
	clients, err := watch.NewClients(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	a := agent.New(agent.Config{
		Clients: clients, Node: "n", Runner: fake.New(), MinInterval: time.Millisecond,
		Host: &agentbench.Host{}, DenyUnknown: true, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	go func() { done <- a.Run(ctx) }()
	watches := func() int {
		return api.Requests("networkpolicies") + api.Requests("pods") + api.Requests("nodes") + api.Requests("namespaces")
	}
	want := 4
	if !streaming {
		want = 12 // refused, listed, watched
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); len(api.Events()) == 0 || watches() < want; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not in time: %d events, %d requests", len(api.Events()), watches())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// forward notes the requests of one client.
type forward struct {
	next http.RoundTripper
	to   *recorder
}

func (f *forward) RoundTrip(req *http.Request) (*http.Response, error) {
	f.to.note(req)
	return f.next.RoundTrip(req)
}
