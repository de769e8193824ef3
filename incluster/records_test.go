package incluster

import (
	"strings"
	"testing"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Of a check that was killed the steps are left, and an error; other experiments have no cases.
func TestPartialJUnitOfOthers(t *testing.T) {
	begin := func(run v1.Experiment, records ...v1.Record) string {
		path := t.TempDir()
		dir, err := reports.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		dir.Into(run)(records...)
		return path
	}
	check := begin(&v1.CheckRun{}, &v1.CheckConditions{Schema: v1.Schema, ID: "r", Engine: "e"}, &v1.CheckStep{Title: "one", OK: true})
	document, err := partialJUnit(check, "it was killed")
	for _, want := range []string{`name="one"`, `<error message="it was killed"`} {
		if err != nil || !strings.Contains(string(document), want) {
			t.Errorf("no %q in\n%s%v", want, document, err)
		}
	}
	fuzz := begin(&v1.FuzzRun{}, &v1.FuzzConditions{Schema: v1.Schema, ID: "r"})
	if document, err := partialJUnit(fuzz, "it was killed"); err == nil {
		t.Errorf("fuzz: %s", document)
	}
}
