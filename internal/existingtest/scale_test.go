package existingtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters/existing"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/profile"
	scalerun "github.com/netassay/netassay/scale/run"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/runner"
)

// scaleConfig is a small run in the cluster behind p, with limits for a machine that runs other
// tests.
func (p *front) scaleConfig(t *testing.T, run string) (scalerun.Config, *[]string) {
	t.Helper()
	load := profile.Named()["guest"]
	load.Namespaces, load.Local, load.Policies = 2, 5, 8
	timing := scalerun.DefaultTiming()
	timing.Deadline = 20 * time.Second
	notes := &[]string{}
	return scalerun.Config{
		Guest: &scalerun.Guest{Cluster: labImages{p.open()}, Label: fixture.RunLabel, Run: run, Unread: "it is a test"},
		Name:  "installed", Profile: load, Samples: 2, NewPods: 2, CIDRs: 50, Rounds: 1,
		Churn:  scalerun.Churn{Rates: []float64{5}, For: 3 * time.Second},
		Timing: timing, Limits: scalerun.Limits{MaxForeign: 1, MaxMissed: 1, MaxBlind: time.Minute, MaxVoid: 1},
		Record: func(all ...v1.Record) {
			for _, r := range all {
				if n, ok := r.(*v1.Note); ok {
					*notes = append(*notes, n.Text)
				}
			}
		},
		Log: func(line string) { t.Log(line) },
	}, notes
}

// testNamespaceAdmin: whoever may do everything in a namespace gets one line, and what would cure
// it.
func (f *theirs) testNamespaceAdmin(t *testing.T) {
	const admin, namespace = "team-admin", "team"
	_, err := f.admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	must(t, err)
	all := []string{"*"}
	_, err = f.admin.RbacV1().Roles(namespace).Create(t.Context(), &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: admin}, Rules: []rbacv1.PolicyRule{{APIGroups: all, Resources: all, Verbs: all}},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = f.admin.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: admin}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: admin},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: admin}},
	}, metav1.CreateOptions{})
	must(t, err)
	p := f.front(t, admin)
	eventually(t, "the role is in force", func() bool {
		client, err := kubernetes.NewForConfig(mustREST(t, p.kubeconfig()))
		if err == nil {
			_, err = client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
		}
		return err == nil
	})
	_, err = existing.Open(t.Context(), existing.Options{Kubeconfig: p.kubeconfig()})
	const want = "no permission to list nodes of theirs for team-admin, nor to create namespaces: rights in a namespace are not enough, as runs make their own: " +
		"have an administrator apply examples/existing/rbac.yaml"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// testRestrictedCluster: where namespaces can't be other than restricted, conformance is told why
// it can't be, and engines are measured.
func (f *theirs) testRestrictedCluster(t *testing.T) {
	c := f.front(t, theUser).open()
	needs := runner.Needs(runner.Config{Cluster: c, RunID: "p2", Restricted: true})
	f.refuse(t, "restricted-alone", "namespaces", admissionv1.Validation{
		Expression: `!has(object.metadata.labels) || !("pod-security.kubernetes.io/enforce" in object.metadata.labels) || object.metadata.labels["pod-security.kubernetes.io/enforce"] == "restricted"`,
		Message:    "namespaces here are restricted",
	}, func(active bool) bool { return (len(lines(t, c, needs)) > 0) == active })
	got := lines(t, c, needs)
	if len(got) != 1 || !strings.HasPrefix(got[0], "PodSecurity is restricted for control probers (pods with hostNetwork), without which no deny is proven: ") ||
		!strings.Contains(got[0], "namespaces here are restricted: exempt namespaces netassay-*") {
		t.Errorf("conformance: %q", got)
	}
	f.testScale(t)
}

// testScale measures the cluster's engine with exactly the rights that netassay job gen scale
// prints, and leaves nothing behind.
func (f *theirs) testScale(t *testing.T) {
	t.Helper()
	f.apply(t, "../../examples/job/scale.yaml")
	cfg, notes := f.front(t, "system:serviceaccount:netassay:netassay-scale").scaleConfig(t, "s1")
	must(t, cfg.Check())
	for _, problem := range cfg.Guest.Cluster.(labImages).Preflight(t.Context(), cfg.Guest.Needs()) {
		t.Errorf("preflight: %s", problem)
	}
	t.Log(strings.Join(cfg.Plan(), "\n"))
	r, err := scalerun.Run(t.Context(), cfg)
	must(t, err)
	if len(r.Turn.Void) > 0 {
		t.Errorf("the turn is void: %v", r.Turn.Void)
	}
	if !r.Controls.Open || !r.Controls.Enforced || r.Controls.NullLeaked == 0 {
		t.Errorf("controls: %+v", r.Controls)
	}
	for _, tc := range []struct {
		kind  string
		pairs int
	}{
		{v1.PolicyCreate, 2 * 4},
		{v1.PolicyDelete, 2 * 4},
		{v1.IPBlockEdit, 4 * 4},
		{v1.Revoke, 2 * 4},
		{scalerun.Grant, 2 * 4},
		{v1.LabelChange, 4 * 2},
		{scalerun.NewPod, 2 * 6},
		{"churn-5ps/" + v1.PolicyCreate, 4 * 4},
		{"burst-4/" + v1.PolicyDelete, 4 * 4},
	} {
		n, timed, leaked := 0, 0, uint64(0)
		for _, s := range r.Samples {
			if s.Transition == tc.kind {
				n, leaked = n+1, leaked+s.Leaked
				if s.Stable != nil {
					timed++
				}
			}
		}
		if n != tc.pairs || timed == 0 || leaked > 0 {
			t.Errorf("%s: %d samples of pairs, %d with a time, want %d; %d packets leaked", tc.kind, n, timed, tc.pairs, leaked)
		}
	}
	if !slices.ContainsFunc(*notes, func(n string) bool { return strings.Contains(n, "left blank: it is a test") }) {
		t.Errorf("nobody says why the engine's cost is blank: %q", *notes)
	}
	eventually(t, "the run's namespaces are on their way out", func() bool {
		list, err := f.admin.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{LabelSelector: fixture.RunLabel + "=s1"})
		return err == nil && !slices.ContainsFunc(list.Items, alive)
	})
}
