package mutants

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/engines/reference"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/internal/testmain"
)

func TestMain(m *testing.M) {
	testmain.StandAside()
	sandbox.TestMain(m)
}

// mutant is what its program says of one.
type mutant struct {
	Name       string
	Says       string
	Cases      []string
	Timed      bool
	Equivalent string
}

// right is the mutant without a fault.
const right = "right"

// build makes the program of all mutants.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "mutants")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "mutants", "-o", program, "github.com/netassay/netassay/enforcer/mutants/cmd")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build mutants: %v: %s", err, out)
	}
	return program
}

// catalogue is all mutants, whose cases are there.
func catalogue(t *testing.T, program string) (all []mutant, known map[string]cases.Case) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "--list").Output()
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	known = map[string]cases.Case{}
	var names []string
	for _, c := range loaded {
		known[c.Name] = c
		names = append(names, c.Name)
	}
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.Name] {
			t.Errorf("mutant %s twice", m.Name)
		}
		seen[m.Name] = true
		for _, name := range m.played() {
			if _, ok := known[name]; !ok {
				t.Errorf("mutant %s: %v", m.Name, suggest.Unknown("case", name, names))
			}
		}
	}
	return all, known
}

func (m mutant) engine(program string) *reference.Engine {
	return &reference.Engine{Binary: program, Args: []string{"--mutant=" + m.Name}}
}

// sample are the mutants of every run of the tests, with two cases each: a family, a direction, a moment, a memory.
func sample() []string {
	return []string{"ipv6-open", "udp-egress-open", "second-syn-passes", "policy-removed-at-edits-for-1s", "namespace-labels-missed"}
}

// choose is those of all that some globs name, or that part "2/5" has of them: neighbours, which
// share cases.
func choose(t *testing.T, all []mutant, globs, part string) []mutant {
	t.Helper()
	var i, parts int
	if n, err := fmt.Sscanf(part, "%d/%d", &i, &parts); n != 2 || err != nil || i < 1 || i > parts {
		t.Fatalf("-part %q: give I/N, the I-th of N parts", part)
	}
	var chosen []mutant
	for j, m := range all {
		if globs == "" {
			m.Cases = m.Cases[:min(enough, len(m.Cases))]
		}
		if m.among(t, globs) && m.Equivalent == "" && j*parts/len(all) == i-1 {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// among reports whether one of some globs, with commas between, names m; "" is the sample.
func (m mutant) among(t *testing.T, globs string) bool {
	t.Helper()
	if globs == "" {
		return slices.Contains(sample(), m.Name)
	}
	for glob := range strings.SplitSeq(globs, ",") {
		ok, err := path.Match(glob, m.Name)
		if err != nil {
			t.Fatalf("-mutant %q: %v", glob, err)
		}
		if ok && m.Name != right {
			return true
		}
	}
	return false
}
