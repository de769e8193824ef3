package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/reach/migrate"
)

const ownManifests = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, ports: [{name: sql, containerPort: 5432}]}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: sql}]
`

// ownFiles writes files into a directory and gives their paths.
func ownFiles(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	paths := map[string]string{}
	for name, text := range files {
		paths[name] = filepath.Join(dir, name)
		if err := os.WriteFile(paths[name], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func TestAssert(t *testing.T) {
	p := ownFiles(t, map[string]string{
		"shop": ownManifests, "good": "expect: |\n  * -> shop/db deny\n  shop/web -> shop/db allow sql\n", "bad": "expect: |\n  shop/web -> shop/db deny 5432\n",
		"thin": "expect: shop/web -> shop/db allow sql\n", "nobody": "expect: shop/wep -> shop/db allow\n", "twice": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
		"foreign": "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\n",
	})
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string // in what is printed, wherever
	}{
		{"holds", []string{"-f", p["shop"], "-f", p["good"]}, exitPass, "pass: 2 of 2 expectations hold, over "},
		{"does not hold", []string{"-f", p["shop"], "-f", p["bad"]}, exitFail, "ingress: allowed by shop/db rule 0 peer 0 port 0"},
		{"JSON", []string{"-f", p["shop"], "-f", p["bad"], "-o", "json"}, exitFail, `"want": "Deny"`},
		{"JUnit", []string{"-f", p["shop"], "-f", p["bad"], "-o", "junit"}, exitFail, `<failure message="4 of 4 flows are not as expected"`},
		{"mistakes", []string{"-f", p["shop"], "-f", p["good"], "--mutate", "--min-noticed", "50"}, exitPass, "mistakes that change a flow"},
		{"too few are noticed", []string{"-f", p["shop"], "-f", p["thin"], "--mutate", "--min-noticed", "90"}, exitFail, "not noticed, each with a line that would notice it:"},
		{"mistakes in JUnit", []string{"-f", p["shop"], "-f", p["thin"], "--mutate", "-o", "junit"}, exitPass, "no expectation would notice it; this line would: "},
		{"mistakes and wrong expectations", []string{"-f", p["shop"], "-f", p["bad"], "--mutate"}, exitFail, "note: no mistakes were made: --mutate needs expectations that hold\n"},
		{"policies of others", []string{"-f", p["shop"], "-f", p["good"], "-f", p["foreign"]}, exitPass, "note: 1 CiliumNetworkPolicy.cilium.io left out: only networking.k8s.io NetworkPolicies are understood\n"},
		{"a snapshot beside manifests", []string{"-f", p["shop"], "-f", p["good"], "--snapshot", p["shop"]}, exitBroken, "give one of them, and by -f the expectations"},
		{"nobody", []string{"-f", p["shop"], "-f", p["nobody"]}, exitBroken, `"shop/wep" is nobody here: no pod or workload there has this name; did you mean web?`},
		{"a duplicate", []string{"-f", p["shop"], "-f", p["good"], "-f", p["twice"]}, exitBroken, "Pod default/a is given a second time"},
		{"nothing is expected", []string{"-f", p["shop"]}, exitBroken, "nothing is expected there"},
		{"no manifests", nil, exitBroken, "no expectations are given: give files or directories that have some by -f, or - for standard input\n"},
		{"output", []string{"-f", p["shop"], "-o", "xml"}, exitBroken, `unknown output format "xml"`},
		{"percentage", []string{"-f", p["shop"], "--mutate", "--min-noticed", "101"}, exitBroken, "--min-noticed 101 is no percentage: give 0 to 100"},
		{"packets for machines", []string{"-f", p["shop"], "-f", p["good"], "--live", "-o", "json"}, exitBroken, "the result directory of --live has JSON and JUnit"},
		{"packets of standard input", []string{"-f", "-", "--live"}, exitBroken, "--live reads the manifests twice, which - can't: give files or directories"},
		{"percentage alone", []string{"-f", p["shop"], "--min-noticed", "90"}, exitBroken, "give --mutate too"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := run(t, append([]string{"assert"}, tc.args...)...)
			if code != tc.code || !strings.Contains(out+errs, tc.want) {
				t.Errorf("exit code %d, want %d, with %q in\n%s%s", code, tc.code, tc.want, out, errs)
			}
			if code == exitBroken && strings.Count(errs, "\n") != 1 {
				t.Errorf("want one line:\n%s", errs)
			}
		})
	}
}

// Expectations are judged in milliseconds; a second leaves room for a busy machine.
func TestAssertIsFast(t *testing.T) {
	p := ownFiles(t, map[string]string{"shop": ownManifests, "good": "expect: |\n  * -> shop/db deny\n  shop/web -> shop/db allow sql\n"})
	began := time.Now()
	if code, _, errs := run(t, "assert", "-f", p["shop"], "-f", p["good"]); code != exitPass {
		t.Fatal(errs)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s", took)
	}
}

func TestMigrateCheck(t *testing.T) {
	cluster := ownManifests + "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}]}\n"
	p := ownFiles(t, map[string]string{
		"shop": ownManifests, "cluster": cluster, "none": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "text": "hello: world\n",
		"block":   "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: out}\nspec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}\n",
		"unknown": "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: out}\nspec: {podSelektor: {}}\n",
	})
	azure, cilium := []string{"--from", "azure-npm", "--to", "cilium"}, []string{"--from", "cilium", "--to", "cilium"}
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"something closes", append([]string{"-f", p["shop"]}, azure...), exitFail, "closes own-node-egress"},
		{"nothing changes", append([]string{"-f", p["shop"]}, cilium...), exitPass, "which mean the same to both as far as the rules know"},
		{"pods elsewhere", append([]string{"-f", p["block"], "--pod-cidr", "192.168.0.0/16", "--node-cidr", "172.16.0.0/16"}, azure...), exitPass, "which mean the same"},
		{"pods may be there", append([]string{"-f", p["block"]}, azure...), exitFail, "10.0.0.0/8 may hold pods: their addresses are not known here"},
		{"pods are there", append([]string{"-f", p["block"], "--pod-cidr", "10.244.0.0/16"}, azure...), exitFail, "10.0.0.0/8 holds pods of 10.244.0.0/16"},
		{"unknown engine", []string{"-f", p["shop"], "--from", "azure-npm", "--to", "cillium"}, exitBroken, `--to: unknown engine "cillium": did you mean cilium?`},
		{"no engine", []string{"-f", p["shop"], "--from", "azure-npm"}, exitBroken, "--to is missing: give an engine, one of azure-npm, "},
		{"range", append([]string{"-f", p["shop"], "--pod-cidr", "10.244"}, azure...), exitBroken, `--pod-cidr "10.244" is no range of addresses: give one like 10.244.0.0/16`},
		{"no policy", append([]string{"-f", p["none"]}, azure...), exitBroken, "there is no NetworkPolicy in what was read from manifests: read what has some"},
		{"not Kubernetes", append([]string{"-f", p["text"]}, azure...), exitBroken, "has no apiVersion and kind, so it is no Kubernetes object"},
		{"unknown field", append([]string{"-f", p["unknown"]}, azure...), exitBroken, `unknown field "podSelektor"; did you mean podSelector`},
		{"two places", append([]string{"-f", p["shop"], "--snapshot", "s"}, azure...), exitBroken, "--snapshot is all that is read"},
		{"no snapshot", append([]string{"--snapshot", "none"}, azure...), exitBroken, "make one by netassay snapshot -o FILE"},
		{"output", append([]string{"-f", p["shop"], "-o", "junit"}, azure...), exitBroken, `unknown output format "junit"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := run(t, append([]string{"migrate", "check"}, tc.args...)...)
			if code != tc.code || !strings.Contains(strings.Join(strings.Fields(out+errs), " "), strings.Join(strings.Fields(tc.want), " ")) {
				t.Errorf("exit code %d, want %d, with %q in\n%s%s", code, tc.code, tc.want, out, errs)
			}
			if lines := strings.Count("\n"+errs, "\n") - strings.Count("\n"+errs, "\nread from ") - 1; code == exitBroken && lines != 1 {
				t.Errorf("want one line:\n%s", errs)
			}
		})
	}
}

func TestMigrateCheckForMachines(t *testing.T) {
	p := ownFiles(t, map[string]string{"shop": ownManifests})
	code, out, errs := run(t, "migrate", "check", "-f", p["shop"], "--from", "azure-npm", "--to", "cilium@1.16", "-o", "json")
	var report migrate.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFail {
		t.Fatalf("exit code %d, %v: %s", code, err, errs)
	}
	f := report.Findings[0]
	if report.To != "cilium@1.16" || f.Rule != "own-node-egress" || f.Object.Namespace != "shop" || f.Object.Name != "db" || f.Field != "spec.policyTypes" || f.Severity != migrate.Closes || f.From.Source == "" {
		t.Errorf("got %+v", report)
	}
}
