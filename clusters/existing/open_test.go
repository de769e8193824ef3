package existing

import (
	stdcmp "cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/engines/profile"
	"github.com/netassay/netassay/engines/registry"
)

const twoContexts = `
apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: c1, cluster: {server: "https://one.example:6443"}}
- {name: c2, cluster: {server: "https://two.example"}}
users:
- {name: u, user: {token: t}}
contexts:
- {name: one, context: {cluster: c1, user: u}}
- {name: two, context: {cluster: c2, user: u}}
`

// kubectl's rules: a named file, else KUBECONFIG, with a named context, else the current.
func TestReach(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name       string
		env        string
		o          Options
		host, want string
		err        string
	}{
		{name: "by file", o: Options{Kubeconfig: file}, host: "https://one.example:6443", want: "one"},
		{name: "by context", o: Options{Kubeconfig: file, Context: "two"}, host: "https://two.example", want: "two"},
		{name: "by environment", env: file, host: "https://one.example:6443", want: "one"},
		{name: "no such context", env: file, o: Options{Context: "three"}, err: `"three" does not exist`},
		{name: "no such file", o: Options{Kubeconfig: file + ".gone"}, err: "no such file"},
		{name: "none at all", env: file + ".gone", err: "name one by --kubeconfig"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", tc.env)
			t.Setenv("HOME", t.TempDir())
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			cfg, name, _, err := reach(tc.o)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || cfg.Host != tc.host || name != tc.want {
				t.Errorf("got %s called %q, %v", cfg.Host, name, err)
			}
		})
	}
}

func TestImages(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		want map[string]string
	}{
		{"published", Options{}, published()},
		{"from a registry", Options{Registry: "reg.example:5000/mirror/"}, map[string]string{
			"agnhost": "reg.example:5000/mirror/agnhost:2.66.1", "probe": "reg.example:5000/mirror/probe:latest",
		}},
		{"one named", Options{Registry: "reg.example", Images: map[string]string{"probe": "p@sha256:1", "enforcer": "e:1"}}, map[string]string{
			"agnhost": "reg.example/agnhost:2.66.1", "probe": "p@sha256:1", "enforcer": "e:1",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.o.images()); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
		})
	}
}

func set(namespace, name string, containers ...string) appsv1.DaemonSet {
	s := appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	for _, c := range containers {
		s.Spec.Template.Spec.Containers = append(s.Spec.Template.Spec.Containers, corev1.Container{Name: c, Image: "reg/" + c + ":v1"})
	}
	s.Status.DesiredNumberScheduled, s.Status.NumberReady = 3, 2
	return s
}

func TestRecognise(t *testing.T) {
	profiles := []profile.Profile{
		{Title: "Calico", Recognise: []profile.Trace{{DaemonSet: "calico-node"}, {DaemonSet: "canal", Title: "Calico with flannel"}}},
		{Title: "Cilium", Recognise: []profile.Trace{{DaemonSet: "cilium"}}},
		{Title: "Azure NPM", Recognise: []profile.Trace{{DaemonSet: "azure-npm"}}},
		{Title: "AWS' agent", Recognise: []profile.Trace{{DaemonSet: "aws-node", Container: "aws-eks-nodeagent"}}},
	}
	for _, tc := range []struct {
		name string
		sets []appsv1.DaemonSet
		want string
	}{
		{"none", []appsv1.DaemonSet{set("kube-system", "kube-proxy", "kube-proxy")}, NoEngine},
		{
			"one",
			[]appsv1.DaemonSet{set("calico-system", "calico-node", "calico-node")},
			"Calico (DaemonSet calico-system/calico-node, image reg/calico-node:v1, 2 of 3 ready)",
		},
		{
			"one in another form",
			[]appsv1.DaemonSet{set("kube-system", "canal", "calico-node")},
			"Calico with flannel (DaemonSet kube-system/canal, image reg/calico-node:v1, 2 of 3 ready)",
		},
		{"aws without its policy agent", []appsv1.DaemonSet{set("kube-system", "aws-node", "aws-node")}, NoEngine},
		{
			"aws with it",
			[]appsv1.DaemonSet{set("kube-system", "aws-node", "aws-node", "aws-eks-nodeagent")},
			"AWS' agent (DaemonSet kube-system/aws-node, image reg/aws-eks-nodeagent:v1, 2 of 3 ready)",
		},
		{
			"two in the middle of a migration",
			[]appsv1.DaemonSet{set("kube-system", "azure-npm", "azure-npm"), set("kube-system", "cilium", "agent")},
			"Cilium (DaemonSet kube-system/cilium, image reg/agent:v1, 2 of 3 ready), and Azure NPM (DaemonSet kube-system/azure-npm, image reg/azure-npm:v1, 2 of 3 ready)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Believed(recognise(tc.sets, profiles), nil); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// The agents of each engine are taken for that engine, and for none on nodes of the other system.
func TestRecognisedOnce(t *testing.T) {
	linux, windows := registry.Profiles(), registry.OnWindows()
	for _, p := range slices.Concat(linux, windows) {
		for _, trace := range p.Recognise {
			sets := []appsv1.DaemonSet{set("kube-system", trace.DaemonSet, stdcmp.Or(trace.Container, "agent"))}
			found := slices.Concat(recognise(sets, linux), recognise(sets, windows))
			if want := stdcmp.Or(trace.Title, p.Title); len(found) != 1 || found[0].Name != want {
				t.Errorf("DaemonSet %s is taken for %+v, want %s alone", trace.DaemonSet, found, want)
			}
		}
	}
}

// What an engine leaves in the API is told of that engine alone, and only while it is not there.
func TestOwnersOfAPIGroups(t *testing.T) {
	profiles := registry.Profiles()
	all := absent(nil, profiles)
	for _, p := range profiles {
		rest := absent([]Engine{{Name: p.Title}}, profiles)
		for _, group := range p.APIGroups {
			if all[group] != p.Title || rest[group] != "" {
				t.Errorf("%s is taken for %q, want %s; where that is there, for %q", group, all[group], p.Title, rest[group])
			}
		}
	}
	if all["networking.k8s.io"]+all["policy.networking.k8s.io"] != "" {
		t.Error("an engine owns what is Kubernetes'")
	}
}
