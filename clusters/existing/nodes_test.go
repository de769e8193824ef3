package existing

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/podspec"
)

// node is a healthy linux node, changed by change.
func node(name string, change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{
			NodeInfo:   corev1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "amd64"},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	if change != nil {
		change(n)
	}
	return n
}

func taint(key string, effect corev1.TaintEffect) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = []corev1.Taint{{Key: key, Effect: effect, Value: "v"}}
	}
}

func notReady(n *corev1.Node) {
	n.Status.Conditions[0] = corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", Message: "no posts",
	}
}

// Each node that can't be used has its line, but for the control plane's, which is as it
// should be.
func TestNodes(t *testing.T) {
	tolerate := []corev1.Toleration{{Key: "team", Operator: corev1.TolerationOpExists}}
	for _, tc := range []struct {
		name        string
		node        *corev1.Node
		tolerations []corev1.Toleration
		usable      bool
		line        string // prefix of its problem
	}{
		{"healthy", node("n", nil), nil, true, ""},
		{"NotReady", node("n", notReady), nil, false, "node n is NotReady (NodeStatusUnknown: no posts)"},
		{"without conditions", node("n", func(n *corev1.Node) { n.Status.Conditions = nil }), nil, false, "node n is NotReady"},
		{"cordoned", node("n", func(n *corev1.Node) { n.Spec.Unschedulable = true }), nil, false, "node n is cordoned"},
		{"windows", node("n", func(n *corev1.Node) { n.Status.NodeInfo.OperatingSystem = "windows" }), nil, false, "node n runs windows, not linux"},
		{"hollow", node("n", func(n *corev1.Node) { n.Labels = map[string]string{"type": "kwok"} }), nil, false, ""},
		{"architecture", node("n", func(n *corev1.Node) { n.Status.NodeInfo.Architecture = "s390x" }), nil, true, "node n has architecture s390x"},
		{"tainted", node("n", taint("team", corev1.TaintEffectNoSchedule)), nil, false, "node n has the taint team=v:NoSchedule"},
		{"tainted and tolerated", node("n", taint("team", corev1.TaintEffectNoSchedule)), tolerate, true, ""},
		{"a taint that only discourages", node("n", taint("team", corev1.TaintEffectPreferNoSchedule)), nil, true, ""},
		{"control plane", node("n", taint("node-role.kubernetes.io/control-plane", corev1.TaintEffectNoSchedule)), nil, false, ""},
		{"control plane, NotReady", node("n", func(n *corev1.Node) {
			taint("node-role.kubernetes.io/control-plane", corev1.TaintEffectNoSchedule)(n)
			notReady(n)
		}), nil, false, "node n is NotReady"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			others := []runtime.Object{node("a", nil), node("b", nil), node("c", nil), tc.node}
			c := &Cluster{name: "theirs", tolerations: tc.tolerations}
			got := c.nodeProblems(t.Context(), fake.NewClientset(others...), 3)
			lines := 0
			if tc.line != "" {
				lines = 1
			}
			if len(got) != lines || (lines == 1 && (!strings.HasPrefix(got[0].Line, tc.line) || got[0].Fatal)) {
				t.Errorf("problems %v, want %q", got, tc.line)
			}
			if got := unusable(tc.node, tc.tolerations, "") == ""; got != tc.usable {
				t.Errorf("usable %v, want %v", got, tc.usable)
			}
		})
	}
}

func TestTooFewNodes(t *testing.T) {
	c := &Cluster{name: "theirs"}
	got := c.nodeProblems(t.Context(), fake.NewClientset(node("a", nil)), 3)
	if len(got) != 1 || got[0].Fatal || !strings.HasPrefix(got[0].Line, "1 of 1 nodes can hold pods") {
		t.Errorf("one node: %v", got)
	}
	got = c.nodeProblems(t.Context(), fake.NewClientset(node("a", notReady)), 3)
	if len(got) != 2 || !Fatal(got) || !strings.HasPrefix(got[1].Line, "no node of theirs can hold pods") {
		t.Errorf("no node: %v", got)
	}
}

// Families come from the first that tells.
func TestFamilies(t *testing.T) {
	v4, v6 := model.IPv4, model.IPv6
	ranges := func(cidrs ...string) corev1.Node {
		return corev1.Node{Spec: corev1.NodeSpec{PodCIDRs: cidrs}}
	}
	pod := func(hostNetwork bool, ips ...string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: strings.Join(ips, "-"), Namespace: "kube-system"}}
		p.Spec.HostNetwork = hostNetwork
		for _, ip := range ips {
			p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
		}
		return p
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes", Namespace: "default"},
		Spec:       corev1.ServiceSpec{IPFamilies: []corev1.IPFamily{corev1.IPv6Protocol}},
	}
	for _, tc := range []struct {
		name    string
		asked   string
		nodes   []corev1.Node
		objects []runtime.Object
		want    []model.Family
		err     string
	}{
		{name: "asked", asked: "ipv6", nodes: []corev1.Node{ranges("10.0.0.0/24")}, want: []model.Family{v6}},
		{name: "asked wrongly", asked: "ipv5", err: `"ipv5" are none of ipv4, ipv6, dual`},
		{name: "dual, in the cluster's order", asked: "dual", nodes: []corev1.Node{ranges("fd00::/64", "10.0.0.0/24")}, want: []model.Family{v6, v4}},
		{name: "dual, of a cluster that does not tell", asked: "dual", want: []model.Family{v4, v6}},
		{name: "ranges of nodes", nodes: []corev1.Node{{}, ranges("10.0.0.0/24", "fd00::/64")}, objects: []runtime.Object{service}, want: []model.Family{v4, v6}},
		{name: "pods", objects: []runtime.Object{pod(true, "192.0.2.1", "2001:db8::1"), pod(false, "10.0.0.1"), service}, want: []model.Family{v4}},
		{name: "services", objects: []runtime.Object{pod(true, "192.0.2.1"), service}, want: []model.Family{v6}},
		{name: "nothing tells", err: "name them by --ip-family"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := familiesOf(t.Context(), fake.NewClientset(tc.objects...), tc.asked, tc.nodes)
			if (err != nil) != (tc.err != "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Fatalf("error %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("families (-want +got):\n%s", diff)
			}
		})
	}
}

// Where Windows nodes are asked for, these are all that is used, with the taint that they have by
// Kubernetes' documentation; nobody wonders about the others.
func TestWindowsNodes(t *testing.T) {
	windows := func(n *corev1.Node) { n.Status.NodeInfo.OperatingSystem = podspec.Windows }
	nodes := []corev1.Node{
		*node("linux", nil), *node("plain", windows),
		*node("kept", func(n *corev1.Node) {
			windows(n)
			n.Spec.Taints = []corev1.Taint{{Key: "os", Value: "windows", Effect: corev1.TaintEffectNoSchedule}}
		}),
		*node("other", func(n *corev1.Node) {
			windows(n)
			taint("team", corev1.TaintEffectNoSchedule)(n)
		}),
	}
	tolerations := []corev1.Toleration{podspec.WindowsTaint()}
	if got := usable(nodes, tolerations, podspec.Windows); !slices.Equal(got, []string{"kept", "plain"}) {
		t.Errorf("usable are %v", got)
	}
	var objects []runtime.Object
	for i := range nodes {
		objects = append(objects, &nodes[i])
	}
	c := &Cluster{name: "theirs", tolerations: tolerations, nodeOS: podspec.Windows}
	if got := c.nodeProblems(t.Context(), fake.NewClientset(objects...), 2); len(got) != 1 || !strings.HasPrefix(got[0].Line, "node other has the taint") {
		t.Errorf("problems %v", got)
	}
	got := c.nodeProblems(t.Context(), fake.NewClientset(objects[0]), 2)
	if len(got) != 1 || !got[0].Fatal || !strings.Contains(got[0].Line, "runs windows") {
		t.Errorf("without a Windows node: %v", got)
	}
}
