package migrate

import (
	"strings"
	"testing"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

func TestTable(t *testing.T) {
	c := Cluster{Inventory: inventory.Inventory{Snapshot: model.Snapshot{Policies: []*netv1.NetworkPolicy{
		policyOf(t, `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80, endPort: 90}]}]}`),
	}}}}
	var b strings.Builder
	if err := Check(c, Engine{Name: azureNPM}, Engine{Name: cilium, Version: "1.16"}).Table(&b); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/table.txt", b.String())
}

func TestTableOfNothing(t *testing.T) {
	var b strings.Builder
	if err := Check(Cluster{}, Engine{Name: calico}, Engine{Name: calico}).Table(&b); err != nil {
		t.Fatal(err)
	}
	if want := "calico → calico: 0 NetworkPolicy objects, which mean the same to both as far as the rules know\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
