// Package knp starts kube-network-policies, one agent per node, and waits until each has
// its rules and its queue in the kernel.
//
// It judges nothing; what the agents enforce is found out by suites.
package knp

import (
	"context"
	_ "embed" // profile
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/profile"
)

// Names of the engines, and of their programs. XTables is for kernels without a queue
// statement for nftables; clusters/binaries says what is other about it.
const (
	Name    = "kube-network-policies"
	XTables = Name + "-xtqueue"
)

const (
	// queue is the number of the netfilter queue, as in the options.
	queue = "100"
	// queues lists the queues of the reading thread's network namespace that have a
	// program listening.
	queues        = "/proc/thread-self/net/netfilter/nfnetlink_queue"
	table         = "kube-network-policies"
	readyDeadline = 2 * time.Minute
)

//go:embed profile.yaml
var known []byte

// Profile is what is known of kube-network-policies.
func Profile() profile.Profile { return profile.Must(known) }

// trial is the one statement that all of the program's rules end in and that a kernel may
// lack; nft only checks it, and the check leaves nothing.
const trial = trialChain + `add rule inet netassay-trial c queue num ` + queue + ` bypass
`

// trialChain is what it needs, and any kernel with nftables takes.
const trialChain = `add table inet netassay-trial
add chain inet netassay-trial c { type filter hook postrouting priority 95; }
`

// New is kube-network-policies for the standard NetworkPolicy API, by the path of its program.
// When an agent ends its rules stay and, as the program's default is to fail open, let everything
// pass.
func New(binary string) *agents.Engine {
	return &agents.Engine{Lacks: Profile().Lacks(), Spec: agents.Spec{
		Name: Name, Prepare: prepare, Ready: ready, Deadline: readyDeadline,
		Argv: func(n engines.Node) []string {
			return append([]string{binary, "--kubeconfig=" + n.Kubeconfig(), "--hostname-override=" + n.Name()}, Profile().Args()...)
		},
	}}
}

// NewXTables is the program called XTables. The kernel is asked by the program itself; it is
// not ready without its rules.
func NewXTables(binary string) *agents.Engine {
	e := New(binary)
	e.Spec.Name, e.Prepare = XTables, nil
	return e
}

// LacksQueue reports whether nftables of this machine's kernel was seen to refuse to hand
// packets to a program: all of the trial but that is taken. It asks in namespaces of its own;
// where none can be had, it does not know, and says no.
func LacksQueue(ctx context.Context) bool {
	takes := func(text string) bool {
		cmd := exec.CommandContext(ctx, "unshare", "--map-root-user", "--net", "nft", "--check", "--file", "-")
		cmd.Stdin = strings.NewReader(text)
		return cmd.Run() == nil
	}
	return takes(trialChain) && !takes(trial)
}

// prepare refuses a kernel on which the program would start, fail to write its rules every
// second, and let everything pass.
func prepare(ctx context.Context, n engines.Node) error {
	if err := n.Run(ctx, trial, "nft", "--check", "--file", "-"); err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // nft points at the place on more lines
		return fmt.Errorf("this kernel can't send packets to a queue by nftables: use one with CONFIG_NFT_QUEUE, or for netassay scale engine %s (%s)", XTables, reason)
	}
	return nil
}

// ready asks whether the agent listens to its queue and its rules are there. It opens the
// queue after its informers are in sync and after its first attempt to write its rules (Run
// in pkg/dataplane/controller.go of v1.1.0); it has no readiness endpoint of its own.
func ready(_ context.Context, n engines.Node) (agents.Question, error) {
	return func(ctx context.Context) error {
		var text []byte
		err := n.Do(func() (err error) {
			text, err = os.ReadFile(queues)
			return err
		})
		if err != nil {
			return err
		}
		if !listens(text, queue) {
			return fmt.Errorf("nobody listens to queue %s", queue)
		}
		return n.Run(ctx, "", "nft", "list", "table", "inet", table)
	}, nil
}

// listens reports whether a list of queues has that number: the first field of a line.
func listens(list []byte, number string) bool {
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == number {
			return true
		}
	}
	return false
}
