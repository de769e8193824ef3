package chaos

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/internal/fakenode"
)

// An agent that was ended is started at once, one that has to be settled was in sync first,
// and all are in sync when the phase ends.
func TestEndAgents(t *testing.T) {
	p, _ := newFakePolicies(t)
	all, log := newEnforcers()
	var run v1.ChaosRun
	j := journalOf(&run)
	a := &endAgents{
		signal: syscall.SIGKILL, agents: all, policies: p, pace: source(1, 1), journal: j, done: &j.result.Done.Kills,
		plan: []ending{{agent: 1}, {agent: 0, settled: true, then: poll}},
	}
	if err := a.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"killed node-2", "start node-2",
		"ready node-1", "ready node-2", "killed node-1", "start node-1",
		"ready node-1", "ready node-2",
	}
	if diff := cmp.Diff(want, *log); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if j.result.Done.Kills != 2 || len(run.Faults) != 2 || run.Faults[1].What != "killed of the enforcer on node-1" || run.Faults[1].Phase != "a phase" {
		t.Errorf("done %+v, faults %+v", j.result.Done, run.Faults)
	}
}

func TestEndAgentsStopsAtFailure(t *testing.T) {
	p, _ := newFakePolicies(t)
	all, log := newEnforcers()
	failed := errors.New("no memory")
	all[0].(*fakeEnforcer).err = failed
	j := newJournal()
	a := &endAgents{signal: syscall.SIGTERM, agents: all, policies: p, pace: source(1, 1), journal: j, done: &j.result.Done.Terms, plan: make([]ending, 3)}
	if err := a.Execute(t.Context()); !errors.Is(err, failed) || j.result.Done.Terms != 0 || len(*log) != 2 {
		t.Errorf("%v, done %+v, %v", err, j.result.Done, *log)
	}
}

func TestRecreate(t *testing.T) {
	p, client := newFakePolicies(t)
	j := newJournal()
	a := &recreate{plan: slices.Repeat([]recreation{{poll, poll}}, 2), policies: p, journal: j}
	if err := a.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"create large", "create extra", "delete extra", "create extra", "delete extra", "create extra", "delete extra",
	}
	if diff := cmp.Diff(want, asked(client)); diff != "" || j.result.Done.Recreates != 2 {
		t.Errorf("%d recreated (-want +got):\n%s", j.result.Done.Recreates, diff)
	}
}

// The API server goes on whatever happens meanwhile.
func TestStopAPI(t *testing.T) {
	all, log := newEnforcers()
	signal := func(sig syscall.Signal) error {
		*log = append(*log, sig.String())
		return nil
	}
	j := newJournal()
	a := &stopAPI{length: 2 * poll, signal: signal, victim: all[1], agents: all, journal: j}
	if err := a.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"stopped (signal)", "killed node-2", "start node-2", "continued", "ready node-1", "ready node-2"}
	if diff := cmp.Diff(want, *log); diff != "" || j.result.Done.APIOutages != 1 || j.result.Done.Kills != 1 {
		t.Errorf("done %+v (-want +got):\n%s", j.result.Done, diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Execute(ctx); err == nil || (*log)[len(*log)-1] != "continued" || j.result.Done.APIOutages != 1 {
		t.Errorf("interrupted: %v, %v", err, *log)
	}
	a.length = 0
	before := slices.Clone(*log)
	if err := a.Execute(t.Context()); err != nil || !slices.Equal(before, *log) {
		t.Errorf("of no length: %v, %v", err, *log)
	}
}

func TestHoldLock(t *testing.T) {
	p, _ := newFakePolicies(t)
	all, log := newEnforcers()
	n, j := &fakenode.Node{}, newJournal()
	a := &holdLock{length: 4 * time.Second, node: n, agents: all, policies: p, pace: source(1, 1), journal: j}
	if err := a.Execute(t.Context()); err != nil || j.result.Done.LockHolds != 1 || len(*log) != 2 {
		t.Errorf("%v, done %+v, %v", err, j.result.Done, *log)
	}
	if want := []string{`sh -c exec flock "$XTABLES_LOCKFILE" sleep 4`}; !slices.Equal(n.Ran(), want) {
		t.Errorf("ran %q", n.Ran())
	}
}

// Edits that other phases have made count.
func TestEditRest(t *testing.T) {
	p, client := newFakePolicies(t)
	a := &editRest{pauses: []time.Duration{poll, poll, poll}, policies: p, journal: newJournal()}
	if err := p.edit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Execute(t.Context()); err != nil || p.edits.Load() != 3 || len(asked(client)) != 4 {
		t.Errorf("%v, %d edits counted, asked %v", err, p.edits.Load(), asked(client))
	}
}

func TestEditEnough(t *testing.T) {
	p, client := newFakePolicies(t)
	l := newLoad(&fakenode.Node{})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := &editEnough{want: 0, load: l, policies: p, pace: source(1, 1)}
	if err := errors.Join(a.Execute(t.Context()), l.End(t.Context())); err != nil || len(asked(client)) != 1 {
		t.Errorf("enough already: %v, asked %v", err, asked(client))
	}
}

func TestRepairTime(t *testing.T) {
	found := []v1.Finding{{To: 150 * time.Millisecond}, {To: 120 * time.Millisecond}}
	if took, ok := repairTime(100*time.Millisecond, found); !ok || took != 50*time.Millisecond {
		t.Errorf("got %v, %t", took, ok)
	}
	if took, ok := repairTime(100*time.Millisecond, nil); ok {
		t.Errorf("%v when nothing went wrong", took)
	}
}

// What leaks from a destruction to its repair is counted apart, and timed.
func TestDrifts(t *testing.T) {
	n := &fakenode.Node{RepairAfter: 60 * time.Millisecond}
	var run v1.ChaosRun
	l, j := newLoad(n), journalOf(&run)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := &drifts{
		plan: []drift{{pause: poll}, {pause: poll, sets: true}}, backend: "nft", verify: 40 * time.Millisecond,
		node: n, load: l, journal: j,
	}
	if err := errors.Join(a.Execute(t.Context()), l.End(t.Context())); err != nil {
		t.Fatal(err)
	}
	want := []string{"iptables-nft -w 5 -t mangle -F", "ip6tables-nft -w 5 -t mangle -F", "ipset flush"}
	if diff := cmp.Diff(want, n.Ran()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c := l.Tally()
	if c.Drift.Leaked == 0 || c.Drift.Lost > 0 || c.UDP.Leaked+c.UDP.Lost+c.TCP.Leaked+c.TCP.Lost > 0 {
		t.Errorf("counted %+v", c)
	}
	if r := j.result; r.Done.Drifts != 2 || len(r.Repairs) != 2 || r.Repairs[1] < 58 || r.Repairs[1] > 1000 || len(run.Faults) != 2 {
		t.Errorf("done %+v, repairs %v, faults %+v", r.Done, r.Repairs, run.Faults)
	}
	for _, f := range c.Findings {
		if !f.Drift {
			t.Errorf("found %+v", f)
		}
	}
}
