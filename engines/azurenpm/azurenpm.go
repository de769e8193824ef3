package azurenpm

import (
	"context"
	_ "embed" // profiles
	"slices"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/profile"
)

// Name is the engine's name, and that of its program.
const Name = "azure-npm"

// readyDeadline is the three minutes of telemetry and then generous: NPM calls ipset once
// for each pod that it finds.
const readyDeadline = 15 * time.Minute

//go:embed profile.yaml
var known []byte

// Profile is what is known of it on Linux nodes, which is what runs here.
func Profile() profile.Profile { return profile.Must(known) }

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
		Lacks: Profile().Lacks(),
	}
}

// environment names the node, and has the options.
func environment(n engines.Node) []string {
	return slices.Concat([]string{"HOSTNAME=" + n.Name()}, Profile().Env())
}

// prepare makes the hint chain with the iptables that kube-proxy uses here too.
func prepare(ctx context.Context, n engines.Node) error {
	return n.Run(ctx, hint, "iptables-restore", "-w", "5", "--noflush")
}
