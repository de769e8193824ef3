package mutants

import (
	"testing"
	"time"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/conformance"
	"github.com/netassay/netassay/suites/fuzz"
	"github.com/netassay/netassay/suites/fuzz/play"
)

// Each is found by drawn cases, and what is found becomes small, in a minute each.
const (
	huntLimit   = 3 * time.Minute
	shrinkLimit = time.Minute
)

// Drawn cases find mutants too, and what they find is shrunk on the live data plane.
func TestFuzzFindsMutants(t *testing.T) {
	sandbox.Require(t)
	if *globs == "" {
		t.Skip("takes half a minute a mutant: ask for some by -mutant")
	}
	program := build(t)
	all, known := catalogue(t, program)
	x := &matrix{program: program, known: known, say: func(string) {}}
	x.open(t, []cases.Case{fuzz.Widest()})
	for i, m := range choose(t, all, *globs, *part) {
		t.Run(m.Name, func(t *testing.T) { x.hunt(t, m, uint64(i+1)) })
	}
}

// hunt looks for a drawn case that convicts a mutant.
func (x *matrix) hunt(t *testing.T, m mutant, seed uint64) {
	t.Helper()
	e := m.engine(x.program)
	if err := e.Start(t.Context(), x.nodes); err != nil {
		t.Fatal(err)
	}
	x.engine = e
	defer func() { _ = e.Stop(t.Context()) }()
	h := &play.Hunt{
		Draw: fuzz.NewGenerator(seed, fuzz.Options{Steps: 10, Nodes: true}).Next, Player: play.Live(x.session),
		Hurry:  x.session.Hurry,
		AtOnce: conformance.Defaults().FixtureSets, For: huntLimit, Shrink: shrinkLimit,
		Played: func(c cases.Case, r fuzz.Result, took time.Duration) {
			t.Logf("%s: %s, %d steps, %d cells, %.1f s %.120s", c.Name, r.Outcome, r.Steps, r.Cells, took.Seconds(), r.Reason)
		},
	}
	began := time.Now()
	found, err := h.Run(t.Context())
	if err != nil || found == nil {
		t.Fatalf("seed %d: found %v, %v", seed, found, err)
	}
	took := time.Since(began)
	if err := h.Reduce(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if !m.Timed && (!found.Again || found.Took > shrinkLimit) {
		t.Errorf("seed %d: confirmed: %t, shrunk in %v", seed, found.Again, found.Took)
	}
	text, err := cases.Format(found.Case)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: found in %.0f s, confirmed: %t, shrunk in %.0f s by %d plays to %d steps, %d bytes:\n%s", m.Name, took.Seconds(), found.Again,
		found.Took.Seconds(), found.Plays, len(found.Case.Steps), len(text), text)
}
