package assert_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/manifests"
)

const shop = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2, template: {metadata: {labels: {app: web, app.kubernetes.io/part-of: shop}}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, ports: [{name: sql, containerPort: 5432}]}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: job-bcdfg, namespace: batch, labels: {app: job}}
---
apiVersion: v1
kind: Namespace
metadata: {name: batch, labels: {team: red}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}, {ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.64/26]}}]
    ports: [{port: sql}, {port: 9000, endPort: 9010}]
`

func inventoryOf(t *testing.T, text string) *inventory.Inventory {
	t.Helper()
	inv, err := manifests.Parse("shop.yaml", []byte(text), manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func planOf(t *testing.T, inv *inventory.Inventory, lines string) (*assert.Plan, error) {
	t.Helper()
	all, err := assert.ParseLines("e.yaml", 1, "shop", lines)
	if err != nil {
		return nil, err
	}
	return assert.NewPlan(inv, all)
}

// Each line holds, or is told as wrong; flows are how many it stands for.
func TestLines(t *testing.T) {
	inv := inventoryOf(t, shop)
	for _, tc := range []struct {
		lines string
		flows int // of the last line
		holds bool
	}{
		{"shop/web -> shop/db allow sql", 4, true},
		{"web -> db allow 5432", 4, true},
		{"web -> db allow 5433", 4, false},
		{"web -> db allow IPv4", 2, true},
		{"web-1 -> db allow 5432/TCP", 2, true},
		{"shop/app=web -> shop/* deny 5432/UDP", 8, false}, // web to web is open
		{"app.kubernetes.io/part-of=shop -> db allow", 4, true},
		{"shop/app=web&app.kubernetes.io/part-of=shop -> db allow", 4, true},
		{"kubernetes.io/metadata.name=shop/app=web -> db allow", 4, true},
		{"team=red/* -> db deny", 14, true},
		{"team=red/* -> */app=db deny", 14, true},
		{"batch/job -> db deny */TCP", 12, true},
		{"batch/job -> db allow 5432", 2, false},
		{"batch/job -> db deny *", 14, true},
		{"world -> db deny", 14, true},
		{"world:203.0.113.7 -> db allow 5432", 1, true},
		{"world/203.0.113.7 -> db allow 5432", 1, true},
		{"world:203.0.113.0/26 -> db allow 5432", 1, true},
		{"world:203.0.113.0/24 -> db allow 5432", 3, false}, // the except is in it
		{"world:203.0.113.64/26 -> db deny 5432", 1, true},
		{"db -> world deny", 12, true},
		{"db -> world:198.51.100.7 allow 443", 1, false},
		{"web -> world allow 443", 4, true},
		{"* -> db deny\nweb -> db allow sql\nweb -> db allow 9000,9010", 8, true},
		{"* -> db deny\nweb -> db allow sql", 4, true}, // and the first line does not hold: 9000
	} {
		t.Run(tc.lines, func(t *testing.T) {
			plan, err := planOf(t, inv, tc.lines)
			if err != nil {
				t.Fatal(err)
			}
			report := plan.Check()
			last := report.Lines[len(report.Lines)-1]
			if last.Flows != tc.flows || (last.Wrong == 0) != tc.holds {
				t.Errorf("%d flows, %d of them wrong: want %d flows, and that it holds %t\n%s", last.Flows, last.Wrong, tc.flows, tc.holds, last.String())
			}
		})
	}
}

func TestMistakesInLines(t *testing.T) {
	inv := inventoryOf(t, shop)
	for _, tc := range []struct{ lines, want string }{
		{"web - db", `e.yaml:1: an expectation is "CLIENTS -> SERVERS allow|deny [PORTS] [IPv4|IPv6]"`},
		{"web -> db forbid", `e.yaml:1: unknown verdict "forbid": on paper there are allow and deny`},
		{"web -> db observe", `e.yaml:1: unknown verdict "observe": on paper there are allow and deny`},
		{"web -> db allow 99999", `e.yaml:1: "99999" is no port: valid are like 80, 53/UDP, */TCP, *, http`},
		{"web -> db allow 80/tcp", `e.yaml:1: "80/tcp" is no port: valid are like 80, 53/UDP, */TCP, *, http`},
		{"web -> db allow http/TCP", `e.yaml:1: "http/TCP" is no port: valid are like 80, 53/UDP, */TCP, *, http`},
		{"web -> db allow 80 81", `e.yaml:1: second list of ports "81": join lists with a comma, without spaces`},
		{"web, -> db allow", `e.yaml:1: "" names no endpoint: valid are shop/web, shop/app=web, shop/*, */*, team=red/*, node/*, world, world:203.0.113.7, world:203.0.113.0/24, *`},
		{"world:no -> db allow", `e.yaml:1: "world:no" names no endpoint: valid are shop/web, shop/app=web, shop/*, */*, team=red/*, node/*, world, world:203.0.113.7, world:203.0.113.0/24, *`},
		{"wep -> db allow", `e.yaml:1: "wep" is nobody here: no pod or workload there has this name; did you mean web?`},
		{"shp/web -> db allow", `e.yaml:1: "shp/web" is nobody here: there is no namespace shp; did you mean shop?`},
		{"app=wbe -> db allow", `e.yaml:1: "app=wbe" is nobody here: no pod has these labels; did you mean app=db, app=web?`},
		{"node/* -> db allow", `e.yaml:1: "node/*" is nobody here: manifests have no nodes; nodes are in a snapshot`},
		{"web -> db allow sqll", `e.yaml:1: shop/db-0 declares no port "sqll"; did you mean sql?`},
		{"web -> world allow", `e.yaml:1: world:198.51.100.1 declares no ports: say which are allowed, as in "web -> world allow 443"`},
		{"world -> world deny 80", `e.yaml:1: no pod is at either end of "world -> world deny 80": policies are about pods`},
		{"db -> db allow", `e.yaml:1: "db -> db allow" stands for no flow: both ends are one pod, or have no family in common`},
		{"web -> db allow sql\n# why\nshop/* -> db deny", `e.yaml:1: later lines say something of all its flows: remove "web -> db allow sql", or move it below them`},
	} {
		t.Run(tc.lines, func(t *testing.T) {
			if _, err := planOf(t, inv, tc.lines); err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	for _, tc := range []struct {
		name, pod string
		want      bool
	}{
		{"web", "web", true},
		{"web", "web-0", true},
		{"web", "web-12", true},
		{"web", "web-7d9f8c6b5-x2x4z", true},
		{"web", "web-x2x4z", true},
		{"web", "web-front", false}, // o is in no generated ending
		{"web", "web-front-0", false},
		{"web", "website-0", false},
		{"web-front", "web-front-0", true},
	} {
		if got := assert.Named(tc.name, tc.pod); got != tc.want {
			t.Errorf("%s names pod %s: %t", tc.name, tc.pod, got)
		}
	}
}

// A part of the world that blocks tell apart has an address among those that Apart gives.
func TestApart(t *testing.T) {
	prefix := func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
	got := assert.Apart(prefix("10.0.0.0/8"), []netip.Prefix{prefix("0.0.0.0/0"), prefix("10.1.0.0/16"), prefix("10.1.255.0/24"), prefix("10.255.0.0/16"), prefix("192.168.0.0/16"), prefix("fd00::/8")})
	var texts []string
	for _, a := range got {
		texts = append(texts, a.String())
	}
	if diff := cmp.Diff("10.0.0.0 10.1.0.0 10.1.255.0 10.2.0.0 10.255.0.0", strings.Join(texts, " ")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Where the specification leaves a flow open, neither allow nor deny holds.
func TestLeftOpen(t *testing.T) {
	inv := inventoryOf(t, `
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: x}
spec: {nodeName: n1}
status: {podIPs: [{ip: 10.1.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {podSelector: {}, policyTypes: [Egress]}
`)
	for _, verdict := range []string{"allow", "deny"} {
		plan, err := planOf(t, inv, "x/a -> node/n1 "+verdict+" 53/UDP")
		if err != nil {
			t.Fatal(err)
		}
		if line := plan.Check().Lines[0]; line.Wrong != 1 || line.Examples[0].Got != model.Undefined || !strings.Contains(line.String(), "left open by the specification") {
			t.Errorf("%s: %s", verdict, line.String())
		}
	}
}

// What does not hold is told with what nearly made it so.
func TestNearMissesAreTold(t *testing.T) {
	inv := inventoryOf(t, strings.Replace(shop, "podSelector: {matchLabels: {app: web}}}", "podSelector: {matchLabels: {app: wbe}}}", 1))
	plan, err := planOf(t, inv, "web -> db allow sql")
	if err != nil {
		t.Fatal(err)
	}
	if text := plan.Check().Lines[0].String(); !strings.Contains(text, "near: shop/db spec.ingress[0].from[0]") {
		t.Errorf("nothing near is told:\n%s", text)
	}
}

func FuzzParseLines(f *testing.F) {
	for _, seed := range []string{"web -> db allow 80,http IPv4", "a.b/c=d/e=f&g=h -> world:::/0 deny */SCTP", "*/* -> node/* deny # x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := assert.ParseLines("f", 1, "default", text)
		for _, e := range all {
			if err == nil && (len(e.Clients) == 0 || len(e.Servers) == 0 || e.Verdict == "") {
				t.Errorf("%q has no clients, servers or verdict", text)
			}
		}
	})
}
