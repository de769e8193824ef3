package agents_test

import (
	"testing"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/azurenpm"
	"github.com/netassay/netassay/engines/calico"
	"github.com/netassay/netassay/engines/cilium"
	"github.com/netassay/netassay/engines/knp"
	"github.com/netassay/netassay/engines/kuberouter"
	"github.com/netassay/netassay/internal/golden"
)

// What other projects' engines do on a node before they are asked whether they are in sync.
func TestPeersOnANode(t *testing.T) {
	t.Setenv("PATH", "/bin") // one of them puts a directory before it
	chained := &cilium.New(cilium.Name, "/bin/cilium").Engine
	chained.Prepare = nil // it mounts
	for _, e := range []*agents.Engine{
		&calico.New("/bin/calico").Engine, chained,
		azurenpm.New("/bin/azure-npm"), knp.New("/bin/kube-network-policies"), knp.NewXTables("/bin/kube-network-policies-xtqueue"),
		kuberouter.New("/bin/kube-router"),
	} {
		t.Run(e.Name(), func(t *testing.T) {
			n := &node{}
			e.Install, e.Ready = nil, nil // what is installed is not on a node
			if err := e.Start(t.Context(), []engines.Node{n}); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+e.Name()+".txt", n.Calls())
		})
	}
}
