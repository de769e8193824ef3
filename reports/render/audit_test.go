package render

import (
	"encoding/xml"
	"strings"
	"testing"

	v1 "github.com/netassay/netassay/reports/v1"
)

// What is wrong is told with its evidence, what was not judged with its reason, and many of those by
// their number; JUnit has a case for each flow, and one more for a run that says nothing.
func TestAudit(t *testing.T) {
	flow := v1.AuditFlow{Client: "shop/web", ClientCount: 3, Server: "shop/db", ClientPod: "n-1/web-1", ServerPod: "n-1/db-2", Family: "IPv4", Protocol: "TCP", Port: 5432, Want: "Allow", Outcome: v1.Pass}
	wrong, void := flow, flow
	wrong.Want, wrong.Outcome, wrong.Reason, wrong.Ingress, wrong.Evidence, wrong.Course = "Deny", v1.Fail, "wants Deny, still Connected", "ingress: isolated by shop/db, no rule matches", "Connected in 0.3 ms", "9-c@0..9000"
	void.Outcome, void.Reason = v1.Inconclusive, "did not connect before the policies were there"
	run := &v1.AuditRun{
		AuditConditions: v1.AuditConditions{Certainty: 0.95}, Flows: []v1.AuditFlow{flow, wrong},
		Strata: []v1.AuditStratum{{Verdict: "Deny", Pairs: 9, Asked: 1, Wrong: 1, AtMost: 8}},
	}
	for range mostUnjudged + 2 {
		run.Flows = append(run.Flows, void)
	}
	var b strings.Builder
	if err := AuditText(&b, run); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"wrong: shop/web → shop/db 5432/TCP IPv4: wants Deny, still Connected", "isolated by shop/db", "n-1/web-1", "for 3 of shop/web", "9-c@0..9000", "not proved: shop/web", "2 more were not judged",
		"1 of 9 Deny pairs asked about, 1 wrong: at most 88.9 % (8) are", "FAIL: 1 of 24 flows are not as the policies say; 22 of 24 flows were not proved",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := AuditJUnit(&b, run); err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal([]byte(b.String()), &suites); err != nil {
		t.Fatal(err)
	}
	if s := suites.Suites[0]; s.Tests != len(run.Flows) || s.Failures != 1 || s.Errors != mostUnjudged+2 {
		t.Errorf("%d tests, %d failures, %d errors", s.Tests, s.Failures, s.Errors)
	}
	run.Flows = run.Flows[:1]
	run.Trouble = "API server is away"
	b.Reset()
	if err := AuditJUnit(&b, run); err != nil || !strings.Contains(b.String(), "API server is away") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
