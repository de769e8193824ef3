package agents_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/azurenpm"
	"github.com/netassay/netassay/engines/calico"
	"github.com/netassay/netassay/engines/cilium"
	"github.com/netassay/netassay/engines/knp"
	"github.com/netassay/netassay/engines/kuberouter"
)

var update = flag.Bool("update", false, "write what the code gives into the golden files")

// What other projects' engines do on a node before they are asked whether they are in sync.
func TestPeersOnANode(t *testing.T) {
	t.Setenv("PATH", "/bin")                   // one of them puts a directory before it
	chained := &cilium.New(cilium.Name, "/bin/cilium").Engine
	chained.Prepare = nil // it mounts
	for _, e := range []*agents.Engine{
		&calico.New("/bin/calico").Engine, chained,
		azurenpm.New("/bin/azure-npm"), knp.New("/bin/kube-network-policies"), knp.NewXTables("/bin/kube-network-policies-xtqueue"),
		kuberouter.New("/bin/kube-router"),
	} {
		t.Run(e.Name(), func(t *testing.T) {
			n, golden := &node{}, "testdata/"+e.Name()+".txt"
			e.Install, e.Ready = nil, nil // what is installed is not on a node
			if err := e.Start(t.Context(), []engines.Node{n}); err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(golden, []byte(n.Calls()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), n.Calls()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}
