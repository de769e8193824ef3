package existingtest

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/clusters/lab"
	"github.com/netassay/netassay/engines/registry"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/runner"
)

func TestMain(m *testing.M) { sandbox.TestMain(m) }

const (
	manifest     = "../../examples/existing/rbac.yaml"
	readManifest = "../../examples/existing/read.yaml"
)

// theUser is the service account of the manifest.
const theUser = "system:serviceaccount:netassay:netassay"

// theirs is a lab that is somebody else's cluster.
type theirs struct {
	lab   *lab.Lab
	admin kubernetes.Interface
}

func newCluster(t *testing.T) *theirs {
	t.Helper()
	f := bareCluster(t)
	f.enforce(t)
	return f
}

// bareCluster has no engine.
func bareCluster(t *testing.T) *theirs {
	t.Helper()
	sandbox.Require(t)
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("KUBEBUILDER_ASSETS is not set: run make binaries, or set it")
		}
		t.Skip("KUBEBUILDER_ASSETS is not set")
	}
	set, err := binaries.Ensure(t.Context(), binaries.Options{Want: lab.Programs()})
	must(t, err)
	prober, err := binaries.Own(t.Context(), "probe")
	must(t, err)
	l, err := lab.Start(t.Context(), lab.Config{
		RBAC: true, LogDir: t.TempDir(), Progress: func(line string) { t.Log(line) },
		Programs: set, Probe: prober,
	})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	admin, err := kubernetes.NewForConfig(l.REST())
	must(t, err)
	return &theirs{l, admin}
}

// enforce starts the reference engine on all nodes.
func (f *theirs) enforce(t *testing.T) {
	t.Helper()
	entry, err := registry.Lookup("reference")
	must(t, err)
	engine, err := entry.Build(t.Context(), binaries.Own)
	must(t, err)
	must(t, engine.Start(t.Context(), f.lab.EngineNodes()))
	t.Cleanup(func() { must(t, engine.Stop(context.WithoutCancel(t.Context()))) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// objects are those of a manifest.
func objects(t *testing.T, file string) []any {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	var all []any
	docs := yaml.NewDocumentDecoder(f)
	defer docs.Close()
	for buf := make([]byte, 1<<16); ; {
		n, err := docs.Read(buf)
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		o, _, err := scheme.Codecs.UniversalDeserializer().Decode(buf[:n], nil, nil)
		must(t, err)
		all = append(all, o)
	}
}

// apply creates the objects of a manifest, but for its Job.
func (f *theirs) apply(t *testing.T, file string) {
	t.Helper()
	for _, o := range objects(t, file) {
		var err error
		switch o := o.(type) {
		case *corev1.Namespace:
			_, err = f.admin.CoreV1().Namespaces().Create(t.Context(), o, metav1.CreateOptions{})
		case *corev1.ServiceAccount:
			_, err = f.admin.CoreV1().ServiceAccounts(o.Namespace).Create(t.Context(), o, metav1.CreateOptions{})
		case *rbacv1.ClusterRole:
			_, err = f.admin.RbacV1().ClusterRoles().Create(t.Context(), o, metav1.CreateOptions{})
		case *rbacv1.ClusterRoleBinding:
			_, err = f.admin.RbacV1().ClusterRoleBindings().Create(t.Context(), o, metav1.CreateOptions{})
		case *batchv1.Job:
		default:
			t.Fatalf("manifest has a %T", o)
		}
		if _, namespace := o.(*corev1.Namespace); !namespace || !apierrors.IsAlreadyExists(err) {
			must(t, err)
		}
	}
}

// front is a proxy before the API server that makes everybody the same user, and has the
// faults that networks and busy API servers have.
type front struct {
	*httptest.Server
	t     *testing.T
	proxy *httputil.ReverseProxy

	throttle    atomic.Int32 // requests to be refused as too many
	noWebSocket atomic.Bool

	mu      sync.Mutex
	streams map[net.Conn]bool
	spdy    int // upgrades
}

type connKey struct{}

func (f *theirs) front(t *testing.T, user string) *front {
	t.Helper()
	cfg := f.lab.REST()
	cfg.Impersonate.UserName = user
	if strings.HasPrefix(user, "system:serviceaccount:") {
		cfg.Impersonate.Groups = []string{"system:serviceaccounts", "system:authenticated"}
	}
	cfg.NextProtos = []string{"http/1.1"} // the only one that can be upgraded
	transport, err := rest.TransportFor(cfg)
	must(t, err)
	to, err := url.Parse(cfg.Host)
	must(t, err)
	p := &front{t: t, streams: map[net.Conn]bool{}}
	p.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: transport, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	p.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	p.StartTLS()
	t.Cleanup(func() {
		p.cut()
		p.Close()
	})
	return p
}

func (p *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.throttle.Add(-1) >= 0 {
		http.Error(w, "too many requests", http.StatusTooManyRequests)
		return
	}
	switch up := r.Header.Get("Upgrade"); {
	case up == "":
	case strings.EqualFold(up, "websocket") && p.noWebSocket.Load():
		http.Error(w, "no WebSocket here", http.StatusBadRequest)
		return
	default:
		c := r.Context().Value(connKey{}).(net.Conn)
		p.mu.Lock()
		p.streams[c] = true
		if strings.HasPrefix(strings.ToLower(up), "spdy") {
			p.spdy++
		}
		p.mu.Unlock()
		defer p.forget(c)
	}
	p.proxy.ServeHTTP(w, r)
}

func (p *front) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.streams, c)
}

// cut cuts all streams, and says how many.
func (p *front) cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.streams {
		_ = c.Close()
	}
	return len(p.streams)
}

// kubeconfig leads to the front.
func (p *front) kubeconfig() string {
	p.t.Helper()
	cfg := clientcmdapi.NewConfig()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
	cfg.Clusters["c"] = &clientcmdapi.Cluster{Server: p.URL, CertificateAuthorityData: ca}
	cfg.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: "unused"}
	cfg.Contexts["theirs"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	cfg.CurrentContext = "theirs"
	path := filepath.Join(p.t.TempDir(), "kubeconfig")
	must(p.t, clientcmd.WriteToFile(*cfg, path))
	return path
}

func (p *front) open() *existing.Cluster {
	p.t.Helper()
	c, err := existing.Open(p.t.Context(), existing.Options{Kubeconfig: p.kubeconfig()})
	must(p.t, err)
	return c
}

func load(t *testing.T, names ...string) []cases.Case {
	t.Helper()
	all, err := cases.Load()
	must(t, err)
	chosen, err := runner.Select(all, runner.Selection{Cases: names})
	must(t, err)
	return chosen
}

func TestExistingCluster(t *testing.T) {
	f := newCluster(t)
	t.Run("nobody may do nothing", f.testNoRights)
	f.apply(t, manifest)
	t.Run("preflight", f.testPreflight)
	t.Run("rights", f.testEachRight)
	t.Run("reader", f.testReader)
	t.Run("jobs", f.testJobs)
	t.Run("rights in one namespace", f.testNamespaceAdmin)
	t.Run("restricted pods alone", f.testRestrictedCluster)
	t.Run("orphans", f.testOrphans)
	t.Run("exec", f.testExec)
	t.Run("run", f.testRun)
	t.Run("restricted", f.testRestricted)
	f.checkClean(t)
}

// checkClean checks that no namespace of a run or preflight is left, or will be.
func (f *theirs) checkClean(t *testing.T) {
	t.Helper()
	list, err := f.admin.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{LabelSelector: "netassay.dev/run"})
	must(t, err)
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			t.Errorf("namespace %s is left", list.Items[i].Name)
		}
	}
}

func (f *theirs) testNoRights(t *testing.T) {
	p := f.front(t, "nobody")
	_, err := existing.Open(t.Context(), existing.Options{Kubeconfig: p.kubeconfig()})
	if err == nil || !strings.Contains(err.Error(), "no permission to list nodes of theirs") {
		t.Errorf("open: %v", err)
	}
	admin, err := existing.Open(t.Context(), existing.Options{Kubeconfig: f.front(t, "netassay-admin").kubeconfig()})
	if err == nil {
		t.Errorf("impersonation gave %v the rights of the lab's admin", admin.Name())
	}
	c := existing.FromREST(mustREST(t, p.kubeconfig()), "theirs", []string{"node1"}, nil, nil)
	var got []string
	for _, problem := range c.Preflight(t.Context(), runner.Needs(runner.Config{Cluster: c, RunID: "p0"})) {
		got = append(got, problem.Line)
		if !problem.Fatal {
			t.Errorf("not fatal: %s", problem)
		}
	}
	const grant = " in all namespaces for nobody: grant "
	const as = ", as examples/existing/rbac.yaml does"
	want := []string{
		"no permission to list nodes" + grant + `{apiGroups: [""], resources: [nodes], verbs: [list]}` + as,
		"no permission to create, delete, get, list, patch namespaces" + grant + `{apiGroups: [""], resources: [namespaces], verbs: [create, delete, get, list, patch]}` + as,
		"no permission to create, delete, get, list, patch pods" + grant + `{apiGroups: [""], resources: [pods], verbs: [create, delete, get, list, patch]}` + as,
		"no permission to create, get pods/exec" + grant + `{apiGroups: [""], resources: [pods/exec], verbs: [create, get]}` + as,
		"no permission to create, delete, get services" + grant + `{apiGroups: [""], resources: [services], verbs: [create, delete, get]}` + as,
		"no permission to create, delete, get, list, patch, update networkpolicies.networking.k8s.io" + grant +
			`{apiGroups: ["networking.k8s.io"], resources: [networkpolicies], verbs: [create, delete, get, list, patch, update]}` + as,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func mustREST(t *testing.T, kubeconfig string) *rest.Config {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(t, err)
	return cfg
}

// The manifest grants what the runner needs and what Engines reads, and nothing else.
func TestManifestIsMinimal(t *testing.T) {
	granted := map[string]bool{}
	for _, o := range objects(t, manifest) {
		role, ok := o.(*rbacv1.ClusterRole)
		if !ok {
			continue
		}
		for _, r := range role.Rules {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					granted[strings.TrimPrefix(r.APIGroups[0]+"/"+resource, "/")+" "+verb] = true
				}
			}
		}
	}
	c := existing.FromREST(&rest.Config{}, "c", []string{"n"}, nil, nil)
	needed := map[string]bool{}
	for _, p := range slices.Concat(existing.Looks(), runner.Needs(runner.Config{Cluster: c, RunID: "m", PullSecret: []byte("{}")}).Permissions) {
		name := strings.TrimPrefix(p.Group+"/"+p.Rule(), "/")
		for _, verb := range p.Verbs {
			needed[name+" "+verb.Name] = true
		}
	}
	for k := range needed {
		if !granted[k] {
			t.Errorf("%s does not grant %s", manifest, k)
		}
	}
	for k := range granted {
		if !needed[k] {
			t.Errorf("%s grants %s, which nothing needs", manifest, k)
		}
	}
}

// lines are the problems that preflight finds.
func lines(t *testing.T, c *existing.Cluster, needs clusters.Needs) []string {
	t.Helper()
	var all []string
	for _, p := range c.Preflight(context.WithoutCancel(t.Context()), needs) {
		all = append(all, p.Line)
	}
	return all
}

func (f *theirs) testPreflight(t *testing.T) {
	c := f.front(t, theUser).open()
	if got := c.Nodes(); !slices.Equal(got, f.lab.Nodes()) {
		t.Errorf("nodes %v, want %v", got, f.lab.Nodes())
	}
	if got := c.Families(); !slices.Equal(got, f.lab.Families()) {
		t.Errorf("families %v, want %v", got, f.lab.Families())
	}
	needs := func(restricted bool) clusters.Needs {
		return runner.Needs(runner.Config{Cluster: c, RunID: "p1", Restricted: restricted})
	}
	one := func(t *testing.T, got []string, want ...string) {
		t.Helper()
		ok := len(got) == len(want)
		for i := range want {
			ok = ok && strings.HasPrefix(got[i], want[i])
		}
		if !ok {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	t.Run("all is well", func(t *testing.T) {
		one(t, lines(t, c, needs(false)))
		one(t, lines(t, c, needs(true)))
		if got := existing.Believed(c.Engines(t.Context(), registry.Profiles())); got != existing.NoEngine {
			t.Errorf("engine %q, want %q", got, existing.NoEngine)
		}
	})
	t.Run("PodSecurity", func(t *testing.T) {
		n := needs(false)
		for _, s := range n.Samples {
			s.Namespace.Labels["pod-security.kubernetes.io/enforce"] = "baseline"
		}
		one(t, lines(t, c, n),
			`PodSecurity enforced against test pods: violates PodSecurity "baseline:latest": non-default capabilities`,
			`PodSecurity enforced against control probers (pods with hostNetwork): violates PodSecurity "baseline:latest"`)
	})
	t.Run("NET_RAW", func(t *testing.T) {
		f.refuseNetRaw(t, func(active bool) bool { return (len(lines(t, c, needs(false))) > 0) == active })
		one(t, lines(t, c, needs(false)), "no NET_RAW for test pods, which SCTP is probed by: ", "admission refuses control probers")
		one(t, lines(t, c, needs(true)))
	})
	t.Run("NotReady", func(t *testing.T) {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node9"}, Status: corev1.NodeStatus{
			NodeInfo: corev1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64"},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", Message: "no network\nyet",
			}},
		}}
		_, err := f.admin.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
		must(t, err)
		defer func() { must(t, f.admin.CoreV1().Nodes().Delete(t.Context(), "node9", metav1.DeleteOptions{})) }()
		one(t, lines(t, c, needs(false)), "node node9 is NotReady (KubeletNotReady: no network yet): it is left out")
	})
}

// refuseNetRaw makes admission refuse pods with NET_RAW until the test ends.
func (f *theirs) refuseNetRaw(t *testing.T, is func(active bool) bool) {
	t.Helper()
	f.refuse(t, "no-net-raw", "pods", admissionv1.Validation{
		Expression: `object.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.capabilities) || !has(c.securityContext.capabilities.add) || !c.securityContext.capabilities.add.exists(x, x == "NET_RAW"))`,
		Message:    "NET_RAW is not for pods here",
	}, is)
}

// refuse makes admission refuse to create what is not valid, until the test ends.
func (f *theirs) refuse(t *testing.T, name, resource string, valid admissionv1.Validation, is func(active bool) bool) {
	t.Helper()
	policies := f.admin.AdmissionregistrationV1()
	fail := admissionv1.Fail
	_, err := policies.ValidatingAdmissionPolicies().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{resource}},
				},
			}}},
			Validations: []admissionv1.Validation{valid},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		must(t, policies.ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{}))
		must(t, policies.ValidatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{}))
		eventually(t, "the admission policy is out of force", func() bool { return is(false) })
	})
	eventually(t, "the admission policy is in force", func() bool { return is(true) })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

func alive(n corev1.Namespace) bool { return n.DeletionTimestamp == nil }
