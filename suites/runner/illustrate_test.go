package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

// A step that failed tells the policies in force and what the engine says of some wrong cells;
// one that passed costs nothing of it.
func TestFailedStepsAreIllustrated(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.verdict = func(model.Flow) model.Verdict { return model.Allow }
		cfg := w.config(loadCases(t, "isolation-deny-both")...)
		asked := 0
		cfg.Explain = func(_ context.Context, f model.Flow) ([]string, error) {
			if asked++; asked > 1 {
				return nil, errors.New("not\nnow")
			}
			return []string{"ingress on n1: let in " + f.String()}, nil
		}
		run := w.run(t, cfg)
		var lines []string
		for i := range run.Cases[0].Steps {
			s := &run.Cases[0].Steps[i]
			if failed := s.Outcome == v1.Fail; failed != (len(s.Policies) > 0) {
				t.Errorf("step %s, %s, has the policies %q", s.Name, s.Outcome, s.Policies)
			}
			for j := range s.Cells {
				c := &s.Cells[j]
				lines = append(lines, c.Explained...)
				if (c.Outcome == v1.Fail) != (c.Addresses != "") {
					t.Errorf("a cell that is %s has the addresses %q", c.Outcome, c.Addresses)
				}
			}
		}
		if asked != mostExplained || len(lines) != mostExplained || !strings.HasPrefix(lines[0], "ingress on n1: let in 10.") || lines[1] != "it was asked, and did not say: not now" {
			t.Errorf("asked %d times, told %q", asked, lines)
		}
		if i := strings.Index(fmt.Sprint(run.Cases[0].Steps), "kind: NetworkPolicy\n"); i < 0 {
			t.Error("no policy in its words")
		}
	})
}

func TestLongPolicyIsCutOff(t *testing.T) {
	p := &netv1.NetworkPolicy{}
	p.Namespace, p.Name, p.ResourceVersion = "x", "long", "7"
	var peers []netv1.NetworkPolicyPeer
	for i := range 100 {
		peers = append(peers, netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: fmt.Sprintf("10.0.0.%d/32", i)}})
	}
	p.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: peers}}
	text := policyText(p)
	if n := strings.Count(text, "\n"); n != mostPolicyLines+1 || !strings.HasSuffix(text, " more lines\n") || !strings.Contains(text, "name: long") || strings.Contains(text, "resourceVersion") {
		t.Errorf("%d lines:\n%s", n, text)
	}
}
