// Package enginestest has a node for tests of engines: it starts nothing and keeps what
// was asked of it. It decides nothing, and only tests may import it.
package enginestest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/netassay/netassay/engines"
)

// Node is a node on which nothing runs but what Do is given, in the test's own process.
type Node struct {
	// OnStart, when not nil, says what becomes of a start; nil starts a process that
	// lives until it gets a signal.
	OnStart func() (*Process, error)

	mu        sync.Mutex
	calls     []string
	processes []*Process
}

// Name is "node1".
func (*Node) Name() string { return "node1" }

// Kubeconfig is a path that does not exist.
func (*Node) Kubeconfig() string { return "/run/node1/kubeconfig" }

// Start keeps the command and starts nothing.
func (n *Node) Start(name string, argv, env []string) (engines.Process, error) {
	n.note("start %s\n\t%s", name, strings.Join(append(env, argv...), "\n\t"))
	p := NewProcess(func(os.Signal) bool { return true })
	if n.OnStart != nil {
		var err error
		if p, err = n.OnStart(); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.processes = append(n.processes, p)
	return p, nil
}

// Run keeps the command and runs nothing.
func (n *Node) Run(_ context.Context, stdin string, argv ...string) error {
	n.note("run %s\n\t%s", strings.Join(argv, " "), strings.ReplaceAll(strings.TrimSpace(stdin), "\n", "\n\t"))
	return nil
}

// Do runs fn where it is.
func (*Node) Do(fn func() error) error { return fn() }

// Calls are the commands that were started or run, in order, a line and its details each.
func (n *Node) Calls() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.calls, "")
}

// Processes are those that were started, in order.
func (n *Node) Processes() []*Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.processes
}

func (n *Node) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, fmt.Sprintf(format, args...)+"\n")
}

// Process is a process that is none.
type Process struct {
	endsBy func(os.Signal) bool

	mu      sync.Mutex
	done    chan struct{}
	signals []os.Signal
	ended   bool
}

// NewProcess is a process that ends by the signals that endsBy says yes to.
func NewProcess(endsBy func(os.Signal) bool) *Process {
	return &Process{done: make(chan struct{}), endsBy: endsBy}
}

// Pid is 0.
func (*Process) Pid() int { return 0 }

// Signal keeps sig and may end the process.
func (p *Process) Signal(sig os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return os.ErrProcessDone
	}
	p.signals = append(p.signals, sig)
	if p.endsBy(sig) {
		p.ended = true
		close(p.done)
	}
	return nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signals are those that it got, in order.
func (p *Process) Signals() []os.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signals
}
