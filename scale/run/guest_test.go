package run

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	restclient "k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/profile"
)

// theirs is a cluster of which only names are asked.
type theirs struct{ clusters.Cluster }

func (theirs) Name() string             { return "theirs" }
func (theirs) Nodes() []string          { return []string{"a", "b"} }
func (theirs) Families() []model.Family { return []model.Family{model.IPv4} }
func (theirs) Image(name string) string { return "registry.example/" + name }
func (theirs) REST() *restclient.Config { return &restclient.Config{} }

func guestConfig() Config {
	cfg := DefaultConfig()
	cfg.Profile, cfg.CIDRs = profile.Named()["guest"], 1000
	cfg.Guest = &Guest{Cluster: theirs{}, Label: "netassay.dev/run", Run: "1a2b3c", PullSecret: []byte("{}")}
	return cfg
}

// The plan tells all that the run costs whose cluster it is.
func TestPlan(t *testing.T) {
	cfg := guestConfig()
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"plan for theirs, 2 nodes, [IPv4]:",
		"  makes    8 namespaces; 9 pods that probe or are probed, 50 of the load at most, and 21 one after the other; 100 policies",
		"  largest  a policy of 1000 CIDRs, 17.2 KiB of the 1.5 MiB that API servers store",
		"  changes  800 one after the other, and 620 of the load by the clock, 1, 10, 20 a second",
		"  sends    3500 packets of some 70 bytes a second at most",
		"  takes    about 9 minutes, at most 153 minutes",
		"  leaves   nothing; what a killed run leaves, netassay clean --run 1a2b3c removes",
	}
	if diff := cmp.Diff(want, cfg.Plan()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	less := cfg
	less.Skip = []string{"policy create and delete", "ipBlock edits", "revoke and grant", "churn", "new pods"}
	if got := strings.Join(less.Plan(), "\n"); !strings.Contains(got, "changes  200 one") || !strings.Contains(got, "and 1 one after the other") || !strings.Contains(got, "about 2 minutes") {
		t.Errorf("with phases left out:\n%s", got)
	}
}

// A guest's load needs no hollow nodes, a run's own cluster does.
func TestCheckOfGuests(t *testing.T) {
	cfg := guestConfig()
	cfg.Profile.Local = 5000
	if err := cfg.Check(); err != nil {
		t.Error(err)
	}
	cfg.Guest = nil
	if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), "--nodes 0: give 1 to") {
		t.Errorf("got %v", err)
	}
}

// What a guest makes is found by its label, and conforms to the restricted standard.
func TestGuestObjects(t *testing.T) {
	g := guestConfig().Guest
	ns := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"team": "x"}}}
	g.mark(&ns)
	if diff := cmp.Diff(map[string]string{"team": "x", "netassay.dev/run": "1a2b3c", podspec.EnforceLabel: "restricted"}, ns.Labels); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	needs := g.Needs()
	pod := needs.Samples[0].Pod
	security := pod.Spec.Containers[0].SecurityContext
	if pod.Namespace != "netassay-1a2b3c-servers" || pod.Spec.NodeName != "a" || len(pod.Spec.ImagePullSecrets) != 1 ||
		!*pod.Spec.SecurityContext.RunAsNonRoot || len(security.Capabilities.Add) > 0 || *security.AllowPrivilegeEscalation {
		t.Errorf("pod %+v", pod)
	}
	if !slices.ContainsFunc(needs.Permissions, func(p clusters.Permission) bool { return p.Resource == "secrets" }) {
		t.Error("nobody asks for the right to make the pull secret")
	}
}

// Of a guest's engine no process is within reach: nothing waits for it, and its cost is blank, which
// is told once.
func TestGuestEnvironment(t *testing.T) {
	cfg := guestConfig()
	cfg.Guest.Unread = "nobody knows"
	var lines []string
	cfg.Log = func(line string) { lines = append(lines, line) }
	e, err := newEnv(t.Context(), &cfg, newRecorder(&cfg))
	if err != nil {
		t.Fatal(err)
	}
	e.engine.meter.look(t.Context())
	if _, ok := e.engine.meter.cpu(); ok {
		t.Error("somebody knows its processor time")
	}
	for range 2 {
		if err := e.engine.atRest(t.Context(), "loaded"); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"note: the engine's memory and processor time are left blank: nobody knows"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if names := len(phases(e)); names != len(guestPhases(e)) {
		t.Errorf("%d phases", names)
	}
	if got := e.load.objects.Namespaces[0].Name; got != "netassay-1a2b3c-load-000" {
		t.Errorf("namespace %s", got)
	}
}

func TestGuestLeaves(t *testing.T) {
	ns := func(name, run string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"netassay.dev/run": run}}}
	}
	client := fake.NewClientset(ns("netassay-1a2b3c-servers", "1a2b3c"), ns("netassay-1a2b3c-load-000", "1a2b3c"), ns("netassay-ffffff-servers", "ffffff"))
	if err := guestConfig().Guest.leave(context.Background(), client); err != nil {
		t.Fatal(err)
	}
	left, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 || left.Items[0].Name != "netassay-ffffff-servers" {
		t.Errorf("left %+v, %v", left.Items, err)
	}
}

// Pods go to nodes in turn, as far as they have places.
func TestDeal(t *testing.T) {
	for _, tc := range []struct {
		free []int
		n    int
		want []int
	}{
		{[]int{2, 5, -1}, 5, []int{0, 1, 0, 1, 1}},
		{[]int{1, 1}, 9, []int{0, 1}},
		{[]int{9}, 0, nil},
		{nil, 3, nil},
	} {
		if got := deal(slices.Clone(tc.free), tc.n); !slices.Equal(got, tc.want) {
			t.Errorf("%v, %d: got %v, want %v", tc.free, tc.n, got, tc.want)
		}
	}
}

// A guest's turn stands or falls with controls of its own.
func TestDoubtsOfGuests(t *testing.T) {
	good := func() Result {
		r := Result{Guest: true, Finished: true, Ticks: 1000, Controls: Controls{Open: true, Enforced: true, NullRunning: 1, NullLeaked: 1, Clock: time.Millisecond}}
		r.Host.Foreign = 1 // of a machine that is none of the cluster's
		return r
	}
	for _, tc := range []struct {
		name  string
		spoil func(*Result)
		want  string
	}{
		{"good", func(*Result) {}, ""},
		{"interrupted", func(r *Result) { r.Finished = false }, "did not come to its end"},
		{"closed", func(r *Result) { r.Controls.Open = false }, "without a policy of the run not every flow"},
		{"not enforced", func(r *Result) { r.Controls.Enforced = false }, "was seen to pass until the deadline"},
		{"blind", func(r *Result) { r.Controls.NullLeaked = 0 }, "no packet of a new pod"},
		{"clocks", func(r *Result) { r.Controls.Clock = time.Second }, "clocks of nodes are known to 1s only"},
		{"senders", func(r *Result) { r.Missed = 500 }, "missed 50.0 %"},
	} {
		r := good()
		tc.spoil(&r)
		got := strings.Join(r.doubts(DefaultLimits()), "; ")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

// The load of a guest is in namespaces of the run's own.
func TestGuestLoadIsRenamed(t *testing.T) {
	o := load.Generate(profile.Named()["guest"])
	o.Rename("netassay-1-")
	for i := range o.Policies {
		if !strings.HasPrefix(o.Policies[i].Namespace, "netassay-1-load-") {
			t.Fatalf("policy in %s", o.Policies[i].Namespace)
		}
	}
	for change := range load.NewChurning(&o).Schedule(load.Churn{Rate: 10, For: 20 * time.Second, Kinds: guestKinds(), Seed: 1}) {
		for _, w := range change.Writes {
			if w.Pod != nil || w.Policy != nil && !strings.HasPrefix(w.Policy.Namespace, "netassay-1-") || w.Namespace != nil && !strings.HasPrefix(w.Namespace.Name, "netassay-1-") {
				t.Errorf("%s writes %s", change.Kind, w.Object())
			}
		}
	}
}
