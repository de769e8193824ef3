package azurenpm

import (
	"context"
	_ "embed" // what is known on Windows
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/profile"
	"github.com/netassay/netassay/model"
)

// Name is the engine's name, and that of its program.
const Name = "azure-npm"

// readyDeadline is the three minutes of telemetry and then generous: NPM calls ipset once
// for each pod that it finds.
const readyDeadline = 15 * time.Minute

//go:embed windows.yaml
var knownOnWindows []byte

// OnWindows is what is known of it on Windows nodes, which it was never run on here.
func OnWindows() profile.Profile { return profile.Must(knownOnWindows) }

// hint is the chain by which a kubelet shows which iptables it uses:
// https://kubernetes.io/blog/2022/09/07/iptables-chains-not-api/#use-case-iptables-mode
const hint = `*mangle
:KUBE-IPTABLES-HINT - [0:0]
COMMIT
`

// New is Azure NPM for Linux, version 2 of its data plane, by the path of its program. It
// starts in some minutes.
func New(binary string) *agents.Engine {
	return &agents.Engine{
		Spec: agents.Spec{
			Name: Name, Env: environment, Prepare: prepare, Ready: ready, Deadline: readyDeadline,
			Argv: func(n engines.Node) []string { return []string{binary, "start", "--kubeconfig=" + n.Kubeconfig()} },
		},
		// What NPM lacks on Windows (named ports, SCTP, negative selectors, except) it has on
		// Linux, which is what runs here.
		Lacks: []engines.Unsupported{{
			Family: model.IPv6,
			Reason: "Azure NPM has no support for IPv6 (https://learn.microsoft.com/azure/aks/use-network-policies; ErrUnsupportedIPAddress in npm/pkg/controlplane/translation)",
		}},
	}
}

// environment names the node, and a configuration that does not exist: then NPM takes its
// own defaults, which are those of its manifest, whatever this machine has in /etc.
func environment(n engines.Node) []string {
	return []string{"HOSTNAME=" + n.Name(), "NPM_CONFIG=/nonexistent/azure-npm.json"}
}

// prepare makes the hint chain with the iptables that kube-proxy uses here too.
func prepare(ctx context.Context, n engines.Node) error {
	return n.Run(ctx, hint, "iptables-restore", "-w", "5", "--noflush")
}
