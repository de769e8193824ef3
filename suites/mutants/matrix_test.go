package mutants

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/none"
	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/internal/sandbox"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

var (
	globs = flag.String("mutant", "", "globs of the mutants to play, with commas between; by default a sample of them")
	part  = flag.String("part", "1/1", "part of them, as I/N")
)

// sentinels stands among cases for the flows that a run watches beside them: what no case causes
// is theirs to see.
const sentinels = "sentinels"

const (
	enough   = 2               // cases that must convict a mutant
	tries    = 3               // runs of a timed one
	needed   = 2               // of those, that must convict it
	deadline = 4 * time.Second // of a step; what is wrong for ever costs as much
)

// matrix is mutants and cases on one lab.
type matrix struct {
	program string
	known   map[string]cases.Case
	bed     *testbed.Testbed
	nodes   []engines.Node
	engine  engines.Killable // the mutant at work
	session *runner.Session
	say     func(string)
}

// finding is what was seen of a mutant.
type finding struct {
	mutant
	runs, convicting int
	by               []string // cases that convicted it, those of several runs once
	odd              []string // outcomes that are neither pass nor fail
	took             time.Duration
}

func (f finding) convicted() bool {
	if f.Timed {
		return f.convicting >= needed
	}
	return len(f.by) >= enough || slices.Contains(f.by, sentinels)
}

// playName is what a case is called in a session that plays it again and again.
func playName(m mutant, try int, c string) string { return fmt.Sprintf("%s/%d/%s", m.Name, try, c) }

func (m mutant) tries() int {
	if m.Timed {
		return tries
	}
	return 1
}

// enough is how many cases must convict a mutant in a run, after which it plays no more.
func (m mutant) enough() int {
	switch {
	case m.Name == right:
		return len(m.Cases) + 1
	case m.Timed:
		return 1
	default:
		return enough
	}
}

// played are the cases without the sentinels.
func (m mutant) played() []string {
	return slices.DeleteFunc(slices.Clone(m.Cases), func(name string) bool { return name == sentinels })
}

// plays are the cases under the names by which they are asked for.
func plays(chosen []mutant, known map[string]cases.Case) []cases.Case {
	var out []cases.Case
	for _, m := range chosen {
		for try := range m.tries() {
			for _, name := range m.played() {
				c := known[name]
				c.Name = playName(m, try, name)
				out = append(out, c)
			}
		}
	}
	return out
}

// Every mutant is convicted: by two cases, or in two runs of three when its fault comes and
// goes. The enforcer without a fault is convicted by none of those cases, in the same lab.
func TestLiveMutants(t *testing.T) {
	sandbox.Require(t)
	program := build(t)
	all, known := catalogue(t, program)
	chosen := choose(t, all, *globs, *part)
	x := &matrix{program: program, known: known, say: func(line string) { t.Helper(); t.Log(line) }}
	x.open(t, plays(append(chosen, control(chosen)), known))
	var found []finding
	for i, m := range chosen {
		f := x.hold(t, m)
		found = append(found, f)
		t.Logf("%d/%d %s", i+1, len(chosen), f)
		if !f.convicted() {
			t.Errorf("%s survives: %s", m.Name, m.Says)
		}
	}
	if f := x.hold(t, convicting(found)); len(f.by)+len(f.odd) > 0 {
		t.Fatalf("what was found counts for nothing: without a fault, %s", f)
	}
	if golden.Updating() {
		write(t, all, found)
	}
}

// control is the enforcer without a fault, and all cases of these mutants.
func control(chosen []mutant) mutant {
	c := mutant{Name: right}
	for _, m := range chosen {
		c.Cases = append(c.Cases, m.Cases...)
	}
	slices.Sort(c.Cases)
	c.Cases = slices.Compact(c.Cases)
	return c
}

// convicting is the enforcer without a fault, and the cases that convicted one with a fault.
func convicting(found []finding) mutant {
	var all []mutant
	for _, f := range found {
		by := f.by
		if slices.Contains(by, sentinels) {
			by = f.Cases // that they are watched beside
		}
		all = append(all, mutant{Cases: by})
	}
	return control(all)
}

func (f finding) String() string {
	verdict := "survives"
	if f.convicted() {
		verdict = "convicted"
	}
	return fmt.Sprintf("%s %s: %d of %d cases, %d of %d runs, %.0f s: %s; odd: %s",
		f.Name, verdict, len(f.by), len(f.Cases), f.convicting, f.runs, f.took.Seconds(), strings.Join(f.by, " "), strings.Join(f.odd, "; "))
}

// open brings up a lab, and a session on it for all that will be played.
func (x *matrix) open(t *testing.T, all []cases.Case) {
	t.Helper()
	o := testbed.Defaults()
	o.UnderTest = none.Engine{}
	bed, err := testbed.Up(t.Context(), o, testbed.Log{Dir: t.TempDir(), Say: x.say})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bed.Down(t.Context(), false) })
	for _, n := range bed.Lab.Network().Nodes() {
		n.Pool().ReuseSoon(true) // an address is given again at once: who forgets no pod is known by it
	}
	x.bed, x.nodes = bed, bed.Cluster.(clusters.ByNode).EngineNodes()
	if x.session, err = runner.Open(x.config(t, all, conformance.Sentinel{Given: true})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.session.Forget(); x.session.Close(t.Context()) })
	if err := x.session.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// config is of a session, or a run, on the lab. Only a run of one mutant has sentinels: they
// would see that engines are swapped.
func (x *matrix) config(t *testing.T, all []cases.Case, s conformance.Sentinel) runner.Config {
	t.Helper()
	settings := conformance.Defaults()
	settings.Timing.Deadline, settings.Sentinel = deadline, s
	cfg := (&conformance.Run{Bed: x.bed, Say: x.say}).Config(settings, all, nil, "mutants")
	cfg.Engine, cfg.Events = "mutants", nil
	cfg.RestartEngine = func(ctx context.Context, meanwhile func(context.Context) error) error {
		return testbed.Restart(ctx, x.engine, x.nodes, meanwhile)
	}
	free, err := conformance.Connect(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = free() })
	return cfg
}

// hold holds the cases against one mutant, until it is clear what becomes of it.
func (x *matrix) hold(t *testing.T, m mutant) finding {
	t.Helper()
	e := m.engine(x.program)
	if err := e.Start(t.Context(), x.nodes); err != nil {
		t.Fatal(err)
	}
	x.engine = e
	defer func() { _ = e.Stop(t.Context()) }()
	began, f, batch := time.Now(), finding{mutant: m}, conformance.Defaults().FixtureSets
	if m.Name == right {
		batch = max(1, len(m.Cases))
	}
	for try := range m.tries() {
		before := len(f.by)
		if slices.Contains(m.Cases, sentinels) {
			x.run(t, &f)
		} else {
			for some := range slices.Chunk(m.Cases, batch) {
				if x.play(t, &f, try, some); len(f.by)-before >= m.enough() {
					break
				}
			}
		}
		f.runs++
		if len(f.by) > before {
			f.convicting++
		}
		if f.convicting >= needed || f.runs-f.convicting > tries-needed {
			break
		}
	}
	slices.Sort(f.by)
	f.by = slices.Compact(f.by)
	f.took = time.Since(began)
	return f
}

// play plays cases of a mutant at once, as many as there are fixture sets.
func (x *matrix) play(t *testing.T, f *finding, try int, some []string) {
	t.Helper()
	results := make([]v1.Case, len(some))
	var g errgroup.Group
	for i, name := range some {
		g.Go(func() (err error) {
			results[i], err = x.session.Play(t.Context(), playName(f.mutant, try, name))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		f.count(some[i], r.Outcome, r.Reason)
	}
}

// run plays all cases of a mutant in a run of their own, with its sentinels.
func (x *matrix) run(t *testing.T, f *finding) {
	t.Helper()
	var all []cases.Case
	for _, name := range f.played() {
		all = append(all, x.known[name])
	}
	report, err := runner.Run(t.Context(), x.config(t, all, conformance.Sentinel{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Cases {
		f.count(r.Name, r.Outcome, r.Reason)
	}
	f.count(sentinels, report.Sentinel.Outcome, report.Sentinel.Reason)
}

// count takes in what became of a case.
func (f *finding) count(name string, o v1.Outcome, reason string) {
	switch o {
	case v1.Fail:
		f.by = append(f.by, name)
	case v1.Pass:
	default:
		f.odd = append(f.odd, fmt.Sprintf("%s (%s: %s)", name, o, reason))
	}
}
