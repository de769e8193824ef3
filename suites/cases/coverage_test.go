package cases_test

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/suites/cases"
)

// area is a part of docs/coverage.md.
type area struct {
	Area string `json:"area"`
	Rows []struct {
		What      string   `json:"what"`
		Others    string   `json:"others"`
		Cases     []string `json:"cases"`
		Elsewhere string   `json:"elsewhere"`
	} `json:"rows"`
}

const coverageHead = `# What is covered

Behaviours that a suite can hold an engine to, and which suites do: upstream's end-to-end tests, cyclonus, the conformance tests of network-policy-api, cilium-cli's connectivity test, Antrea's end-to-end tests, and netassay. *Similar* says: only with a policy API of its own. The other projects were read at the commits that [coverage.yaml](../suites/cases/testdata/coverage.yaml) names; netassay's column is counted from its cases, each of which is in a row at least (` + "`go test ./suites/cases -update`" + `).

| | upstream | cyclonus | n-p-api | Cilium | Antrea | netassay |
|---|---|---|---|---|---|---|
`

// Each case is in the table of what is covered, and each row with cases has some.
func TestCoverage(t *testing.T) {
	text, err := os.ReadFile("testdata/coverage.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var areas []area
	if err := yaml.UnmarshalStrict(text, &areas); err != nil {
		t.Fatal(err)
	}
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	out := bytes.NewBufferString(coverageHead)
	for _, a := range areas {
		fmt.Fprintf(out, "| **%s** | | | | | | |\n", a.Area)
		for _, r := range a.Rows {
			others := strings.Fields(r.Others)
			if len(others) != 5 {
				t.Errorf("%s: others are %q, want a word for each of five", r.What, r.Others)
			}
			ours := oursIn(t, all, r.Cases, covered)
			if r.Elsewhere != "" {
				ours = append(ours, r.Elsewhere)
			}
			if len(ours) == 0 {
				ours = []string{"no"}
			}
			fmt.Fprintf(out, "| %s | %s | %s |\n", r.What, strings.Join(others, " | "), strings.Join(ours, "; "))
		}
	}
	for _, c := range all {
		if !covered[c.Name] {
			t.Errorf("case %s is in no row of testdata/coverage.yaml", c.Name)
		}
	}
	wantFile(t, "../../docs/coverage.md", out.Bytes())
}

// oursIn says how many of the cases match the globs, and marks them as covered.
func oursIn(t *testing.T, all []cases.Case, globs []string, covered map[string]bool) []string {
	t.Helper()
	in := map[string]bool{}
	for _, glob := range globs {
		before := len(in)
		for _, c := range all {
			ok, err := path.Match(glob, c.Name)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				in[c.Name], covered[c.Name] = true, true
			}
		}
		if len(in) == before {
			t.Errorf("%q adds no case to its row", glob)
		}
	}
	switch len(in) {
	case 0:
		return nil
	case 1:
		return []string{"1 case"}
	}
	return []string{fmt.Sprintf("%d cases", len(in))}
}

func wantFile(t *testing.T, name string, want []byte) {
	t.Helper()
	golden.Check(t, name, want)
}
