package manifests

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: red}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 40
  template:
    metadata: {labels: &labels {app: web}}
    spec:
      containers:
      - name: web
        image: nginx
        env: [{name: PASSWORD, value: secret}]
        ports: [{name: http, containerPort: 8080}]
      initContainers:
      - {name: proxy, restartPolicy: Always, ports: [{name: metrics, containerPort: 9090}]}
      - {name: init, ports: [{name: never, containerPort: 1}]}
---
# nothing here
---
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: db}
  spec: {template: {metadata: {labels: {app: db}}}}
- apiVersion: batch/v1
  kind: CronJob
  metadata: {name: tick}
  spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {metadata: {labels: {app: tick}}}}}}
- {apiVersion: batch/v1, kind: Job, metadata: {name: once}, spec: {template: {}}}
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: log}, spec: {template: {spec: {hostNetwork: true}}}}
- {apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: Yg==}}
- {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: c}}
- {apiVersion: v1, kind: Pod, metadata: {name: old}, status: {phase: Succeeded}}
- {apiVersion: v1, kind: Pod, metadata: {name: alive}, spec: {nodeName: n1}, status: {phase: Running, podIPs: [{ip: 10.1.2.3}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.168.0.9}]}}
- {apiVersion: v1, kind: Service, metadata: {name: db}, spec: {selector: {app: db}, ports: [{port: 5432}]}}
---
apiVersion: v1
kind: PodList
items:
- metadata: {name: listed}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]
    ports: [{port: 80, endPort: 90}, {port: http}]
status: {}
`

func TestRead(t *testing.T) {
	inv, err := Parse("shop.yaml", []byte(shop), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var pods []string
	for _, p := range inv.Pods {
		pods = append(pods, p.Key()+" "+addressesOf(p))
	}
	if diff := cmp.Diff([]string{
		"default/alive 10.1.2.3", "default/db-0 10.244.0.4,fd00:10:244::4", "default/listed 10.244.0.7,fd00:10:244::7", "default/log-0 ",
		"default/once-0 10.244.0.6,fd00:10:244::6", "default/tick-0 10.244.0.5,fd00:10:244::5",
		"shop/web-0 10.244.0.1,fd00:10:244::1", "shop/web-1 10.244.0.2,fd00:10:244::2", "shop/web-2 10.244.0.3,fd00:10:244::3",
	}, pods); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	by := map[string]model.Pod{}
	for _, p := range inv.Pods {
		by[p.Key()] = p
	}
	if diff := cmp.Diff([]model.Port{{Name: "metrics", Number: 9090, Protocol: corev1.ProtocolTCP}, {Name: "http", Number: 8080, Protocol: corev1.ProtocolTCP}}, by["shop/web-0"].Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if got := by["default/db-0"].Labels["statefulset.kubernetes.io/pod-name"]; got != "db-0" {
		t.Errorf("the pod of the StatefulSet is labelled %q", got)
	}
	if got := by["default/once-0"].Labels["job-name"]; got != "once" {
		t.Errorf("the pod of the Job is labelled %q", got)
	}
	if !by["default/log-0"].HostNetwork {
		t.Error("the pod of the DaemonSet is not on the host network")
	}
	if len(inv.Policies) != 1 || len(inv.Services) != 1 || len(inv.Nodes) != 1 || len(inv.Namespaces) != 2 {
		t.Errorf("%d policies, %d Services, %d nodes, %d namespaces", len(inv.Policies), len(inv.Services), len(inv.Nodes), len(inv.Namespaces))
	}
	if diff := cmp.Diff([]inventory.Kind{{APIVersion: "v1", Kind: "Secret", N: 1}}, inv.Ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]inventory.Kind{{APIVersion: "cilium.io/v2", Kind: "CiliumNetworkPolicy", N: 1}}, inv.Foreign); diff != "" {
		t.Errorf("foreign (-want +got):\n%s", diff)
	}
}

func addressesOf(p model.Pod) string {
	var texts []string
	for _, ip := range p.IPs {
		texts = append(texts, ip.String())
	}
	return strings.Join(texts, ",")
}

func TestMistakes(t *testing.T) {
	policy := func(spec string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  " + spec
	}
	for _, tc := range []struct{ name, text, want string }{
		{"not Kubernetes", "replicas: 3\nimage: nginx\n", "f:1: has no apiVersion and kind, so it is no Kubernetes object: leave the file out, or give what kustomize build or helm template prints"},
		{"a scalar", "hello\n", "f:1: has no apiVersion and kind"},
		{"template", "apiVersion: v1\nkind: {{ .Values.kind }}\n", "it looks like a template, so give what helm template prints, by -f -"},
		{"not YAML", "a: [\n", "f:"},
		{"unknown field", policy("podselector: {}"), `f:5: unknown field "podselector"; did you mean podSelector?`},
		{"unknown field below", policy("podSelector: {}\n  ingress:\n  - form: []"), `f:7: unknown field "form"; did you mean from`},
		{"repeated key", policy("podSelector: {}\n  podSelector: {}"), `f:6: field "podSelector" is given twice; remove one`},
		{"old group", "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n", "f:1: no API server takes apiVersion extensions/v1beta1 any more: write networking.k8s.io/v1"},
		{"no version", "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\n", "f:1: NetworkPolicy has no version networking.k8s.io/v1beta1: write networking.k8s.io/v1"},
		{"label", policy("podSelector: {matchLabels: {app: 1}}"), "f:5: 1 is not a string in YAML; put it in quotes"},
		{"type", policy("policyTypes: [ingress]"), `f:5: spec.policyTypes[0]: unsupported value: "ingress": supported values: "Ingress", "Egress"`},
		{"operator", policy("podSelector: {matchExpressions: [{key: a, operator: Is}]}"), "f:5: spec.podSelector.matchExpressions[0].operator: invalid value"},
		{"cidr", policy("ingress:\n  - from:\n    - ipBlock: {cidr: 10.0.0.0/33}"), `f:7: spec.ingress[0].from[0].ipBlock.cidr: invalid value: "10.0.0.0/33": want a CIDR`},
		{"except", policy("egress:\n  - to:\n    - ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}"), "spec.egress[0].to[0].ipBlock.except[0]: invalid value: \"11.0.0.0/8\": want a part of cidr 10.0.0.0/8"},
		{"nobody", policy("ingress:\n  - from: [{}]"), "f:6: spec.ingress[0].from[0]: required value: a peer names nobody"},
		{"both", policy("ingress:\n  - from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]"), "make two peers of it"},
		{"protocol", policy("ingress:\n  - ports: [{protocol: tcp}]"), `spec.ingress[0].ports[0].protocol: unsupported value: "tcp"`},
		{"port", policy("ingress:\n  - ports: [{port: 70000}]"), "spec.ingress[0].ports[0].port: invalid value: 70000"},
		{"endPort", policy("ingress:\n  - ports: [{port: 80, endPort: 79}]"), "invalid value: 79: want 80, the port, or more"},
		{"endPort alone", policy("ingress:\n  - ports: [{endPort: 79}]"), "give the port where it begins"},
		{"endPort of a name", policy("ingress:\n  - ports: [{port: web, endPort: 79}]"), "give port as a number"},
		{"second object", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "f:5: Pod default/a is given a second time, first by f:1: remove one"},
		{"second document", policy("podSelector: {}") + "\n---\n" + policy("podselector: {}"), `f:11: document 2: unknown field "podselector"`},
		{"in a list", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n  metadata: {name: a}\n  sepc: {}\n", `f:7: items[0]: unknown field "sepc"; did you mean spec`},
		{"a list in a list", "apiVersion: v1\nkind: List\nitems: &all\n- {apiVersion: v1, kind: List, items: *all}\n", "f:4: items[0]: is a list in a list: write one list"},
		{"a list that is none", "apiVersion: v1\nkind: List\nitems:\n  kind: Pod\n", "f:4: items is no list: begin each of them with a dash"},
		{"no name", "apiVersion: v1\nkind: Pod\n", "f:1: metadata.name is missing: give it one"},
		{"no template", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n", "f:4: Deployment a has no pod template at spec.template: give it one"},
		{"replicas", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: many, template: {}}\n", `f:4: spec.replicas: want a number of pods, have "many"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tc.text), Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant one line with %s", err, tc.want)
			}
		})
	}
}

// What is expected of manifests can stand among them, and is none of them.
func TestExpectationsAreNoManifests(t *testing.T) {
	const text = "expect: a -> b allow 80\n---\nkind: Expectations\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
	var lines []int
	for _, o := range []Options{{}, {Expectations: func(d *strictyaml.Document) error { lines = append(lines, d.Root.Line); return nil }}} {
		inv, err := Parse("f", []byte(text), o)
		if err != nil || len(inv.Pods) != 1 || len(inv.Ignored) != 0 {
			t.Errorf("%+v, %v", inv, err)
		}
	}
	if diff := cmp.Diff([]int{1, 3}, lines); diff != "" {
		t.Errorf("lines of expectations (-want +got):\n%s", diff)
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	write := func(name, kind string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: "+kind+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a/b.yaml", "b")
	write("a/c/d.yml", "d")
	write("a/c/e.json", "e")
	write("a/.github/f.yaml", "f")
	write("a/g.txt", "g")
	stdin := strings.NewReader("apiVersion: v1\nkind: Pod\nmetadata: {name: s}\n")
	inv, err := Read([]string{filepath.Join(dir, "a"), filepath.Join(dir, "a/g.txt"), "-"}, Options{Namespace: "x", Stdin: stdin, PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/29")}})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, p := range inv.Pods {
		keys = append(keys, p.Key())
	}
	if diff := cmp.Diff([]string{"x/b", "x/d", "x/e", "x/g", "x/s"}, keys); diff != "" {
		t.Errorf("pods (-want +got):\n%s", diff)
	}
	for _, tc := range []struct{ path, want string }{
		{filepath.Join(dir, "none"), "there is no such file or directory: give manifests, or - for standard input"},
		{t.TempDir(), "no file in it ends in .yaml, .yml or .json: give a directory of manifests"},
		{"-", "there is no standard input"},
	} {
		if _, err := Read([]string{tc.path}, Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", tc.path, err, tc.want)
		}
	}
	if _, err := Read([]string{filepath.Join(dir, "a")}, Options{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/31")}}); err == nil || !strings.Contains(err.Error(), "10.9.0.0/31 has no address left") {
		t.Errorf("got %v, want that no address is left", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems: [a, {}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		inv, err := Parse("f", data, Options{})
		if (inv == nil) == (err == nil) {
			t.Errorf("inventory %v, error %v", inv, err)
		}
	})
}
