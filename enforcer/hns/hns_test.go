package hns_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/enforcer/hns"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/model"
)

// spec has what Azure NPM lacks on Windows: a named port, an except, a negative selector, SCTP.
const spec = `
podSelector: {matchLabels: {app: db}}
policyTypes: [Ingress, Egress]
ingress:
- from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [batch, db]}]}}]
  ports: [{port: sql}]
- from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.128/25, 203.0.113.7/32]}}]
  ports: [{port: 9000, endPort: 9010}, {port: 22}]
egress:
- to: [{podSelector: {matchLabels: {app: web}}}]
  ports: [{port: http}, {port: 38412, protocol: SCTP}]
`

func snapshot(t *testing.T) model.Snapshot {
	t.Helper()
	pod := func(name, app, ip, port string, number uint16) model.Pod {
		return model.Pod{
			Namespace: "shop", Name: name, Labels: map[string]string{"app": app}, Node: "win", IPs: []netip.Addr{netip.MustParseAddr(ip)},
			Ports: []model.Port{{Name: port, Number: number, Protocol: corev1.ProtocolTCP}},
		}
	}
	p := &netv1.NetworkPolicy{}
	p.Namespace, p.Name = "shop", "db"
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return model.Snapshot{
		Namespaces: []model.Namespace{{Name: "shop"}}, Nodes: []model.Node{{Name: "win", IPs: []netip.Addr{netip.MustParseAddr("192.168.0.4")}}},
		Pods: []model.Pod{
			pod("db", "db", "10.0.0.1", "sql", 5432), pod("web-0", "web", "10.0.0.2", "http", 8080), pod("web-1", "web", "10.0.0.3", "http", 8081),
			pod("batch", "batch", "10.0.0.4", "http", 8080),
		},
		Policies: []*netv1.NetworkPolicy{p},
	}
}

func TestRender(t *testing.T) {
	s := snapshot(t)
	acls, problems := hns.Render(plan.Compile(s, "win"), hns.Endpoint{IPs: s.Pods[0].IPs, NodeIPs: s.Nodes[0].IPs})
	got, err := hns.JSON(acls)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/db.json", append(got, '\n'))
	if diff := cmp.Diff([]hns.Problem{{Policy: "shop/db", Field: "spec.egress[0]", Detail: "the Host Network Service does not filter sctp: the rule allows nothing of it"}}, problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// A pod that nothing isolates says so, for what no ACL matches is blocked.
func TestOpenPod(t *testing.T) {
	s := snapshot(t)
	acls, problems := hns.Render(plan.Compile(s, "win"), hns.Endpoint{IPs: s.Pods[3].IPs})
	want := []hns.ACL{
		{Action: "Allow", Direction: "In", RemoteAddresses: "0.0.0.0/0", RuleType: "Switch", Priority: 65500},
		{Action: "Allow", Direction: "Out", RemoteAddresses: "0.0.0.0/0", RuleType: "Switch", Priority: 65500},
	}
	if diff := cmp.Diff(want, acls); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v, (-want +got):\n%s", problems, diff)
	}
}
