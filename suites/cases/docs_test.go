package cases_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/netassay/netassay/suites/cases"
)

// TestDocumentation: the example of docs/case-format.md is a case that agrees with the
// oracle, and its list of features is complete.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile("../../docs/case-format.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	_, rest, _ := strings.Cut(doc, "```\n-- case.yaml --")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example")
	}
	c, err := cases.Parse("example.txtar", []byte("-- case.yaml --"+example))
	if err != nil {
		t.Fatal(err)
	}
	agree(t, c, cases.NewFakeCluster(dual...))
	for _, f := range cases.Features() {
		if row := fmt.Sprintf("| `%s` | %s |\n", f.Feature, f.Description); !strings.Contains(doc, row) {
			t.Errorf("no row %q", row)
		}
	}
}
