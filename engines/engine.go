package engines

import (
	"context"
	"os"
	"time"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/model"
)

// Process is a running agent of an engine.
type Process interface {
	Pid() int
	// Signal sends sig to the process; it is an error when the process has ended.
	Signal(sig os.Signal) error
	// Done is closed when the process has ended and been reaped.
	Done() <-chan struct{}
}

// Node is a lab node on which an engine's agent can run.
type Node interface {
	Name() string
	// Kubeconfig is the path of a kubeconfig for agents on this node.
	Kubeconfig() string
	// Start runs argv in the node's network namespace. Standard output and error go to
	// the log file that is called name in the run's logs. The process dies with the lab.
	Start(name string, argv, env []string) (Process, error)
	// Run runs argv to its end in the node's network namespace with stdin as its
	// standard input; the error carries the command's output.
	Run(ctx context.Context, stdin string, argv ...string) error
	// Do runs fn on a thread that is in the node's network namespace.
	Do(fn func() error) error
}

// Plugin is a CNI plugin of an engine, chained behind the one that gives pods their network.
type Plugin struct {
	// Path is the program.
	Path string
	// Config is its network configuration as it is in a conflist, with cniVersion and name.
	Config map[string]any
	// Env is added to its environment, as KEY=VALUE.
	Env []string
}

// Chainer is a node on which a plugin can be chained.
type Chainer interface {
	Node
	// Chain has the plugin called for each pod that comes from now on, ADD after it was attached
	// and DEL before it is let go: what there is already is not told of.
	Chain(p Plugin)
}

// Cover is a file or a directory that stands at the place of another.
type Cover struct{ What, At string }

// Coverer is a node whose programs can be shown other files than the machine has.
type Coverer interface {
	Node
	// Cover has what is started on the node from now on, a chained plugin too, see each cover at
	// its place. Nobody else does, and what a program mounts ends with it.
	Cover(covers ...Cover)
}

// As finds a node that is a T, which n is or stands for.
func As[T any](n Node) (found T, ok bool) {
	for {
		if found, ok = n.(T); ok {
			return found, true
		}
		inner, stands := n.(interface{ Unwrap() Node })
		if !stands {
			return found, false
		}
		n = inner.Unwrap()
	}
}

// Unsupported is what an engine declares that it lacks, and why: a feature or a family.
// Where that is an excuse, cases of the feature are reported NotSupported, and so are cases that
// need two families when one of them is; flows of the family are not judged in any case.
type Unsupported struct {
	Feature string       // as in suites/cases; "" when Family is set
	Family  model.Family // "" when Feature is set
	Reason  string       // one sentence with its source
	Then    Disposition  // "" is not known, and no excuse
}

// String is what is lacked and why, in one line.
func (u Unsupported) String() string { return u.Feature + string(u.Family) + ": " + u.Reason }

// Excuse reports whether the engine is not to be judged by what it lacks: nobody is let through whom
// a policy keeps out. What is silently open is a failure, whatever the engine declares.
func (u Unsupported) Excuse() bool { return u.Then == Refused || u.Then == Closed }

// Disposition is what becomes of a policy that asks for what an engine lacks.
type Disposition string

// The dispositions.
const (
	Refused Disposition = "refused" // the API server, or an event or status, says no
	Closed  Disposition = "closed"  // what it would allow is not allowed
	Open    Disposition = "open"    // silently, as if the policy were not there
)

// Engine is what enforces NetworkPolicies.
type Engine interface {
	Name() string
	Unsupported() []Unsupported
	// Start starts an agent on each node and returns when each says that it is in sync,
	// or with the error of the first that can't be.
	Start(ctx context.Context, nodes []Node) error
	// Stop ends the agents. What they left in the kernel stays, as it would on a node.
	Stop(ctx context.Context) error
}

// Slow is an engine that says itself that it may take longer with a change than suites wait by
// default.
type Slow interface {
	Engine
	// Patience is for how long to wait for a change to be enforced, and why it is that long.
	Patience() (after time.Duration, why string)
}

// Settler is an engine that shows in the API server which labels its agents go by.
type Settler interface {
	Engine
	// Settle returns when agents go by the labels that the pods of these namespaces have now; the
	// error says which do not, when ctx ends before.
	Settle(ctx context.Context, cfg *rest.Config, namespaces []string) error
}

// Plugged is an engine that serves only pods that its plugin was called for: none that are older than
// its agents' first start.
type Plugged interface {
	Engine
	Chained() Plugin
}

// OnLinks is an engine that judges packets on the pods' own links, where they have passed all of
// netfilter's hooks: what these let pass says nothing.
type OnLinks interface {
	Engine
	JudgesOnLinks()
}

// Publisher is an engine whose agents learn of pods of other nodes by objects that the agents there
// make. Of pods whose node has no agent somebody else has to make them.
type Publisher interface {
	Engine
	// Publish makes these objects of all pods but those of the served nodes, and keeps them as the
	// pods are until ctx ends. It comes after Start.
	Publish(ctx context.Context, cfg *rest.Config, served []string) (Publication, error)
}

// Publication is what a Publisher keeps.
type Publication interface {
	// Await returns when all pods that run by now are published, or with the last error when ctx
	// ends before.
	Await(ctx context.Context) error
	// Made says how many of which objects there are.
	Made() string
}

// Killable is an engine whose agents can be killed, each with SIGKILL. Start starts them again.
type Killable interface {
	Engine
	Kill(ctx context.Context) error
}

// Target is a cluster of which only the API server is within reach: an engine is deployed
// to it by objects.
type Target struct {
	// REST reaches the API server as admin.
	REST *rest.Config
	// Image maps the name of a program of an engine ("enforcer") to an image that the
	// cluster's nodes can start.
	Image func(name string) string
	// Nodes are the names of the nodes that must be served.
	Nodes []string
}

// Deployable is an engine that can work on clusters whose nodes are out of reach. Its Start
// and Stop are for nodes that are not.
type Deployable interface {
	Engine
	// Deploy makes the engine's objects and returns when it says on every node that it is
	// in sync, or with the reason why it can't be.
	Deploy(ctx context.Context, target Target) error
	// Undeploy removes what Deploy made; what is in the nodes' kernels stays.
	Undeploy(ctx context.Context) error
}

// Explainer is an engine whose agents say what they do to a flow, and by which rule.
type Explainer interface {
	Engine
	// Explain gives a line for each end of f that an agent judges, none where no agent judges
	// any. An answer is the engine's opinion, and decides nothing.
	Explain(ctx context.Context, f model.Flow) ([]string, error)
}
