package existingtest

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/reach/audit"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/live"
	"github.com/netassay/netassay/reach/shadow"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/runner"
)

// Without an engine what a policy denies is found open, with evidence; with the reference engine
// every flow is as the policies say. Nothing is left either time. All of it is done with the rights of
// rbac.yaml and read.yaml.
func TestAudit(t *testing.T) {
	f := bareCluster(t)
	f.shop(t)
	f.apply(t, manifest)
	f.apply(t, readManifest)
	f.bindReader(t)
	none := f.audit(t)
	if none.Verdict() != v1.VerdictFail || none.Trouble != "" {
		t.Errorf("without an engine: %s %v %s", none.Verdict(), none.Reasons(), none.Trouble)
	}
	for _, w := range none.Wrong() {
		account := strings.Join(w.Account(), "\n")
		if w.Want != "Deny" || w.Kind != v1.Leak || !strings.Contains(account, "shop/db") || !strings.Contains(account, "Connected") {
			t.Errorf("%s: %s\n%s", w.InWords(), w.Reason, account)
		}
	}
	f.checkClean(t)
	f.enforce(t)
	reference := f.audit(t)
	if reference.Verdict() != v1.VerdictPass {
		t.Errorf("with the reference engine: %s %v", reference.Verdict(), reference.Reasons())
	}
	for i := range reference.Flows {
		if a := &reference.Flows[i]; a.Outcome != v1.Pass {
			t.Errorf("%s %s: %s: %s", a.InWords(), a.Want, a.Outcome, a.Reason)
		}
	}
	for _, s := range reference.Strata {
		t.Log(s.InWords(reference.Certainty))
		if s.Pairs == 0 || s.Asked != s.Pairs {
			t.Errorf("stratum %+v", s)
		}
	}
	f.checkClean(t)
}

// shop is somebody's namespaces, pods and policies: by labels, by a namespace's name, and by a
// named port.
func (f *theirs) shop(t *testing.T) {
	t.Helper()
	nodes := f.lab.Nodes()
	for i, of := range []string{"shop/web", "shop/db", "batch/job"} {
		namespace, name, _ := strings.Cut(of, "/")
		if name != "db" {
			_, err := f.admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
			must(t, err)
		}
		_, err := f.admin.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
			Spec: corev1.PodSpec{NodeName: nodes[i%len(nodes)], Containers: []corev1.Container{{
				Name: "c", Image: "agnhost", Args: []string{"pause"}, Ports: []corev1.ContainerPort{{Name: "main", ContainerPort: 5432}},
			}}},
		}, metav1.CreateOptions{})
		must(t, err)
		eventually(t, of+" runs", func() bool {
			p, err := f.admin.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
			return err == nil && len(p.Status.PodIPs) > 0
		})
	}
	main := intstr.FromString("main")
	peer := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	for name, from := range map[string]netv1.NetworkPolicyPeer{
		"from-web":   {PodSelector: peer("app", "web")},
		"from-batch": {NamespaceSelector: peer(corev1.LabelMetadataName, "batch")},
	} {
		_, err := f.admin.NetworkingV1().NetworkPolicies("shop").Create(t.Context(), &netv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: netv1.NetworkPolicySpec{PodSelector: *peer("app", "db"), Ingress: []netv1.NetworkPolicyIngressRule{{
				From: []netv1.NetworkPolicyPeer{from}, Ports: []netv1.NetworkPolicyPort{{Port: &main}},
			}}},
		}, metav1.CreateOptions{})
		must(t, err)
	}
}

// bindReader lets the account of rbac.yaml read all that policies can see.
func (f *theirs) bindReader(t *testing.T) {
	t.Helper()
	namespace, name, _ := strings.Cut(strings.TrimPrefix(theUser, "system:serviceaccount:"), ":")
	_, err := f.admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "netassay-audit"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "netassay-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// audit asks whatever engine there is.
func (f *theirs) audit(t *testing.T) *v1.AuditRun {
	t.Helper()
	c := labImages{f.front(t, theUser).open()}
	client, err := kubernetes.NewForConfig(c.REST())
	must(t, err)
	read := func(ctx context.Context) (*inventory.Inventory, error) { return live.Read(ctx, c.Cluster, nil) }
	v, err := read(t.Context())
	must(t, err)
	p, err := shadow.New(v, shadow.Options{ID: runner.NewID(), MaxPods: 9, MaxFlows: 60, Seed: 5, Nodes: c.Nodes(), Skip: fixture.RunLabel, Namespaces: []string{"shop", "batch"}})
	must(t, err)
	run := &v1.AuditRun{AuditConditions: v1.AuditConditions{Certainty: shadow.Certainty}}
	timing := audit.DefaultTiming()
	timing.Every, timing.Deadline = 400*time.Millisecond, 20*time.Second
	run.Acked, run.Probes, err = audit.Run(t.Context(), audit.Config{
		Plan: p, Objects: fixture.Run{ID: p.ID, Image: c.Image}, Client: client, Exec: c, Timing: timing, Read: read,
		Record: func(all ...v1.Record) {
			for _, r := range all {
				must(t, run.Add(r))
			}
		},
		Say: func(line string) { t.Log(line) },
	})
	must(t, err)
	if most := timing.MostProbes(len(p.Flows)); run.Probes > most {
		t.Errorf("%d probes were made, and at most %d announced", run.Probes, most)
	}
	return run
}
