package migrate

import (
	"cmp"
	"slices"

	netv1 "k8s.io/api/networking/v1"
)

// Severity says what a change of engine does where a rule applies.
type Severity string

// The severities, the worst first.
const (
	Opens   Severity = "opens"   // what was denied passes
	Closes  Severity = "closes"  // what passed is denied
	Differs Severity = "differs" // it depends on more than the policy
)

// severities are all of them, the worst first.
func severities() []Severity { return []Severity{Opens, Closes, Differs} }

// Object is what a finding is about.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is the object as kubectl names it.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Namespace + "/" + o.Name
}

// Side is what one engine does with what was found.
type Side struct {
	Engine string `json:"engine"`
	Does   string `json:"does"`
	Source string `json:"source"`
}

// Finding is one place that means something else after the change.
type Finding struct {
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"`
	Object   Object   `json:"object"`
	Field    string   `json:"field"`
	Reason   string   `json:"reason"` // what the place says, and what was found there
	From     Side     `json:"from"`
	To       Side     `json:"to"`
	Instead  string   `json:"instead"` // "" when nothing can be written instead
	Cases    []string `json:"cases"`
}

// Report is what Check found.
type Report struct {
	From     string    `json:"from"`
	To       string    `json:"to"`
	Policies int       `json:"policies"`
	Findings []Finding `json:"findings"`
}

// Bad reports whether something opens or closes.
func (r *Report) Bad() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity != Differs })
}

// Count is the number of findings of a severity.
func (r *Report) Count(s Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Check finds what means something else when one engine follows another. Findings are
// sorted: the worst first, then by object.
func Check(c Cluster, from, to Engine) *Report {
	r := &Report{From: from.String(), To: to.String(), Policies: len(c.Policies), Findings: []Finding{}}
	w := newWorld(c)
	for _, rule := range Rules() {
		was, is := rule.behaviour(from), rule.behaviour(to)
		severity, ok := change(was.Effect, is.Effect)
		if !ok || len(rule.From) > 0 && !slices.Contains(rule.From, from.Name) {
			continue
		}
		for _, p := range rule.places(w) {
			reason := rule.Title
			if p.detail != "" {
				reason += ": " + p.detail
			}
			r.Findings = append(r.Findings, Finding{
				Severity: severity, Rule: rule.Name, Object: p.object, Field: p.field, Reason: reason,
				From: Side{from.String(), was.Does, was.Source}, To: Side{to.String(), is.Does, is.Source},
				Instead: rule.Instead, Cases: rule.Cases,
			})
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(severities(), a.Severity), slices.Index(severities(), b.Severity)),
			cmp.Compare(a.Object.String(), b.Object.String()))
	})
	return r
}

// change is what it means that one effect follows another; ok is false when nothing changes.
func change(was, is Effect) (s Severity, ok bool) {
	order := map[Effect]int{Closed: -1, Right: 0, Open: 1}
	switch {
	case was == is:
		return "", false
	case was == Varies || is == Varies:
		return Differs, true
	case order[is] > order[was]:
		return Opens, true
	}
	return Closes, true
}

// places are all that a rule finds.
func (r *Rule) places(w *world) (all []place) {
	if r.whole != nil {
		return r.whole(w)
	}
	for _, p := range w.Policies {
		for _, at := range r.policy(w, p) {
			at.object = policyObject(p)
			all = append(all, at)
		}
	}
	return all
}

func policyObject(p *netv1.NetworkPolicy) Object {
	return Object{Kind: "NetworkPolicy", Namespace: p.Namespace, Name: p.Name}
}
