package render

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	v1 "github.com/netassay/netassay/reports/v1"
)

// AuditText writes the report of an audit for people: what is not as the policies say, with its
// evidence, what was not asked about, and what may be wrong all the same.
func AuditText(w io.Writer, run *v1.AuditRun) error {
	t := newText(w)
	t.line("")
	wrong := run.Wrong()
	for i := range wrong {
		t.auditEvidence(&wrong[i])
	}
	t.auditOthers(run)
	t.auditPairs(run)
	for _, n := range run.Notes {
		t.line("note: %s", n)
	}
	t.line("")
	for i := range run.Strata {
		t.line("%s", run.Strata[i].InWords(run.Certainty))
	}
	reasons := strings.Join(run.Reasons(), "; ")
	switch run.Verdict() {
	case v1.VerdictPass:
		t.line("%s: %d flows are as the policies say", t.paint.Good("PASS"), run.Count(v1.Pass))
	case v1.VerdictFail:
		t.line("%s: %s", t.paint.Bad("FAIL"), reasons)
	case v1.VerdictVoid:
		t.line("%s: %s", t.paint.Doubtful("VOID"), reasons)
	}
	return t.err
}

// auditEvidence is all that is known of a flow that is wrong.
func (t *text) auditEvidence(f *v1.AuditFlow) {
	t.line("%s: %s: %s", t.paint.Bad("wrong"), f.InWords(), f.Reason)
	for _, line := range f.Account() {
		t.line("  %s", line)
	}
	t.line("")
}

// mostUnjudged is how many flows that were not judged are listed; the records have all.
const mostUnjudged = 20

// auditOthers are flows of which nothing is said.
func (t *text) auditOthers(run *v1.AuditRun) {
	listed, left := 0, 0
	for i := range run.Flows {
		f := &run.Flows[i]
		if f.Outcome == v1.Pass || f.Outcome == v1.Fail {
			continue
		}
		if listed++; listed > mostUnjudged {
			left++
			continue
		}
		what := t.paint.Doubtful("not proved")
		if f.Outcome == v1.Skipped {
			what = "not shadowed"
		}
		t.line("%s: %s: %s", what, f.InWords(), f.Reason)
	}
	if left > 0 {
		t.line("%d more were not judged", left)
	}
}

// auditPairs is a row for each two kinds of pods.
func (t *text) auditPairs(run *v1.AuditRun) {
	type row struct{ right, wrong, other int }
	var order [][2]string
	rows := map[[2]string]*row{}
	for i := range run.Flows {
		f := &run.Flows[i]
		key := [2]string{f.Client, f.Server}
		if rows[key] == nil {
			rows[key] = &row{}
			order = append(order, key)
		}
		switch f.Outcome {
		case v1.Pass:
			rows[key].right++
		case v1.Fail:
			rows[key].wrong++
		default:
			rows[key].other++
		}
	}
	tab := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "FROM\tTO\tAS THE POLICIES SAY\tWRONG\tNOT JUDGED")
	for _, key := range order {
		fmt.Fprintf(tab, "%s\t%s\t%d\t%d\t%d\n", key[0], key[1], rows[key].right, rows[key].wrong, rows[key].other)
	}
	if err := tab.Flush(); err != nil && t.err == nil {
		t.err = err
	}
}

// AuditJUnit writes an audit as a JUnit test suite of a case for each flow.
func AuditJUnit(w io.Writer, run *v1.AuditRun) error {
	suite := newSuite("audit", run.Started, run.Finished,
		"schema", run.Schema, "verdict", string(run.Verdict()), "run", run.ID, "netassay", run.Tool,
		"cluster", run.Cluster, "engine", run.Engine, "seed", fmt.Sprint(run.Seed))
	for i := range run.Flows {
		f := &run.Flows[i]
		c := junitCase{Class: "netassay.audit", Name: f.InWords() + " " + f.Want, Time: seconds(0)}
		suite.add(outcome(c, f.Outcome, f.Reason, strings.Map(inXML, strings.Join(f.Account(), "\n"))))
	}
	if run.Verdict() == v1.VerdictVoid {
		suite.add(judged("audit", "enough was seen", v1.VerdictVoid, run.Reasons()))
	}
	return suite.write(w)
}
