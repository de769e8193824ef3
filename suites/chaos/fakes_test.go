package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/internal/fakenode"
	"github.com/netassay/netassay/suites/steady"
)

// poll is the pace of what a test waits for.
const poll = 5 * time.Millisecond

// newLoad is the load of a run against a fake node.
func newLoad(n *fakenode.Node) *steady.Load {
	return &steady.Load{
		Record:  func(...v1.Record) {},
		Backend: "nft", Interval: time.Millisecond, Connect: time.Second,
		Watcher: flows.Watcher{Fleet: n, Silence: time.Millisecond, Deadline: 10 * time.Second},
		Pass:    fakenode.Flows(near, far), Drop: fakenode.Flows(badNear, badFar),
	}
}

// fakeEnforcer keeps what happened to it.
type fakeEnforcer struct {
	name    string
	running bool
	log     *[]string
	err     error // of its start
}

func (e *fakeEnforcer) node() string { return e.name }

func (e *fakeEnforcer) start() error {
	e.running = e.err == nil
	*e.log = append(*e.log, "start "+e.name)
	return e.err
}

func (e *fakeEnforcer) end(_ context.Context, sig os.Signal) error {
	if !e.running {
		return errors.New("ended twice")
	}
	e.running = false
	*e.log = append(*e.log, fmt.Sprintf("%v %s", sig, e.name))
	return nil
}

func (e *fakeEnforcer) ready(context.Context) error {
	if !e.running {
		return errors.New("not running")
	}
	*e.log = append(*e.log, "ready "+e.name)
	return nil
}

// newEnforcers run already.
func newEnforcers() (all enforcers, log *[]string) {
	log = &[]string{}
	for _, name := range []string{"node-1", "node-2"} {
		all = append(all, &fakeEnforcer{name: name, running: true, log: log})
	}
	return all, log
}

func newJournal() *journal { return journalOf(&v1.ChaosRun{}) }

// journalOf is in a phase, and records into run.
func journalOf(run *v1.ChaosRun) *journal {
	return &journal{result: &v1.Backend{Backend: "nft"}, record: into(run), tell: func(string) {}, edits: func() int { return 0 }, phase: "a phase"}
}

// into puts records into run.
func into(run *v1.ChaosRun) func(...v1.Record) {
	return func(all ...v1.Record) {
		for _, r := range all {
			if err := run.Add(r); err != nil {
				panic(err)
			}
		}
	}
}
