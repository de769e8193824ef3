package agents_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/netassay/netassay/engines"
)

// node is one on which nothing runs but what Do is given, in the test's own process.
type node struct {
	// OnStart, when not nil, says what becomes of a start; nil starts a process that
	// lives until it gets a signal.
	OnStart func() (*process, error)

	mu        sync.Mutex
	calls     []string
	processes []*process
}

// Name is "node1".
func (*node) Name() string { return "node1" }

// Kubeconfig is a path that does not exist.
func (*node) Kubeconfig() string { return "/run/node1/kubeconfig" }

// Start keeps the command and starts nothing.
func (n *node) Start(name string, argv, env []string) (engines.Process, error) {
	n.note("start %s\n\t%s", name, strings.Join(append(env, argv...), "\n\t"))
	p := newProcess(func(os.Signal) bool { return true })
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
func (n *node) Run(_ context.Context, stdin string, argv ...string) error {
	n.note("run %s\n\t%s", strings.Join(argv, " "), strings.ReplaceAll(strings.TrimSpace(stdin), "\n", "\n\t"))
	return nil
}

// Do runs fn where it is.
func (*node) Do(fn func() error) error { return fn() }

// Calls are the commands that were started or run, in order, a line and its details each.
func (n *node) Calls() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.calls, "")
}

// Processes are those that were started, in order.
func (n *node) Processes() []*process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.processes
}

func (n *node) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, fmt.Sprintf(format, args...)+"\n")
}

// process is a process that is none.
type process struct {
	endsBy func(os.Signal) bool

	mu      sync.Mutex
	done    chan struct{}
	signals []os.Signal
	ended   bool
}

// newProcess is a process that ends by the signals that endsBy says yes to.
func newProcess(endsBy func(os.Signal) bool) *process {
	return &process{done: make(chan struct{}), endsBy: endsBy}
}

// Pid is 0.
func (*process) Pid() int { return 0 }

// Signal keeps sig and may end the process.
func (p *process) Signal(sig os.Signal) error {
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
func (p *process) Done() <-chan struct{} { return p.done }

// Signals are those that it got, in order.
func (p *process) Signals() []os.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signals
}
