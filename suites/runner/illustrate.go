package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/oracle"
)

// What is kept of a step that failed, beside its cells, is bounded: it is for a person to begin with.
const (
	mostPolicies    = 6
	mostPolicyLines = 60
	mostExplained   = 3 // cells
	explainTimeout  = 5 * time.Second
)

// illustrate adds to a step with wrong cells what a person asks for first: the policies in force,
// and what the engine itself says. The engine is asked only while the cluster is as the step has
// left it.
func (w *stepWatch) illustrate(ctx context.Context, s *v1.Step) {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	var policies []*netv1.NetworkPolicy
	asked := 0
	for i, c := range w.cells {
		if s.Cells[i].Outcome != v1.Fail || !c.flow.Client.IsValid() {
			continue
		}
		for _, p := range oracle.Deciding(w.snapshot, c.flow) {
			if !slices.Contains(policies, p) {
				policies = append(policies, p)
			}
		}
		if asked < mostExplained && w.doubtful && w.set.explain != nil && c.flow.Port != 0 {
			asked++
			s.Cells[i].Explained = explained(ctx, w.set.explain, c.flow)
		}
	}
	for _, p := range policies[:min(len(policies), mostPolicies)] {
		s.Policies = append(s.Policies, policyText(p))
	}
}

// explained is what the engine says of a flow, or why it says nothing.
func explained(ctx context.Context, explain func(context.Context, model.Flow) ([]string, error), f model.Flow) []string {
	lines, err := explain(ctx, f)
	if err != nil {
		return []string{"it was asked, and did not say: " + strings.Join(strings.Fields(err.Error()), " ")}
	}
	return lines
}

// policyText is a policy as YAML, the end of a long one cut off.
func policyText(p *netv1.NetworkPolicy) string {
	text, err := cases.PolicyYAML(p)
	if err != nil {
		return fmt.Sprintf("# %s/%s: %v\n", p.Namespace, p.Name, err)
	}
	lines := strings.SplitAfter(text, "\n")
	if more := len(lines) - mostPolicyLines; more > 0 {
		lines = append(lines[:mostPolicyLines], fmt.Sprintf("# … and %d more lines\n", more))
	}
	return strings.Join(lines, "")
}
