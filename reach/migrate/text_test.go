package migrate

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestTable(t *testing.T) {
	c := Cluster{Inventory: inventory.Inventory{Snapshot: model.Snapshot{Policies: []*netv1.NetworkPolicy{
		policyOf(t, `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80, endPort: 90}]}]}`),
	}}}}
	var b strings.Builder
	if err := Check(c, Engine{Name: azureNPM}, Engine{Name: cilium, Version: "1.16"}).Table(&b); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/table.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
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
