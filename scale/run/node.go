package run

import (
	"fmt"
	"sync"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/scale/measure"
)

// cgroupDir is where the memory hierarchy is mounted, in the sandbox's own memory.
const cgroupDir = "/run/netassay-cgroup"

// watchedNode is a node on which the engine's agent is measured: whatever engine starts on
// it runs in a cgroup of its own, and its process is known.
type watchedNode struct {
	engines.Node
	cgroup *measure.Cgroup // nil: none could be made

	mu      sync.Mutex
	process engines.Process
}

// watch makes a watched node. Without a sandbox there is no cgroup.
func watch(n engines.Node, sandboxed bool, log func(string)) *watchedNode {
	w := &watchedNode{Node: n}
	if !sandboxed {
		log("no cgroup figures: the run is in no sandbox")
		return w
	}
	var err error
	if w.cgroup, err = measure.NewCgroup(cgroupDir); err != nil {
		log(fmt.Sprintf("no cgroup figures: %v", err))
	}
	return w
}

// Unwrap is the node itself, for what an engine needs of it besides.
func (w *watchedNode) Unwrap() engines.Node { return w.Node }

// Start starts the agent inside the cgroup. Of several programs the first is the agent.
func (w *watchedNode) Start(name string, argv, env []string) (engines.Process, error) {
	if w.cgroup != nil {
		argv = w.cgroup.Wrap(argv)
	}
	p, err := w.Node.Start(name, argv, env)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil || isEnded(w.process) {
		w.process = p
	}
	return p, nil
}

func isEnded(p engines.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// agent is the process, nil when the engine runs none.
func (w *watchedNode) agent() engines.Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil || isEnded(w.process) {
		return nil
	}
	return w.process
}

func (w *watchedNode) close() error {
	if w.cgroup == nil {
		return nil
	}
	return w.cgroup.Close()
}
