package migrate

import (
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/suites/cases"
)

// Effect is how what an engine does stands to the specification.
type Effect int

// The effects.
const (
	Right  Effect = iota // as the specification says
	Closed               // what the specification allows is denied
	Open                 // what the specification denies is allowed
	Varies               // it depends on more than the policy: a moment, a node
)

// Behaviour is what one engine does where a rule applies.
type Behaviour struct {
	Effect Effect
	Does   string // a clause without a subject: "lets it through"
	Source string // a URL, or a file of the engine's source or of this repository
	// Before is the version that mended it; "" while it stands.
	Before string
}

// Rule is one thing that engines disagree on.
type Rule struct {
	Name    string // kebab-case
	Title   string // what a policy says that the rule is about, as a clause
	Spec    string // what engines do that follow the specification, or its usual reading, a clause
	Source  string // of Spec
	Instead string // what to write so that it means the same on both; "" when nothing can be written
	// Cases are conformance cases that show it: each has a feature of Features, and a policy
	// that the rule finds something in.
	Cases    []string
	Features []cases.Feature
	// From are the engines whose leaving the rule is about; none for any.
	From []string
	// Engines are those that do something else than Spec, by name.
	Engines map[string]Behaviour

	// policy finds the rule's places in one policy, whole in all else. One of them is set.
	policy func(w *world, p *netv1.NetworkPolicy) []place
	whole  func(w *world) []place
}

// Rules are all of them, in the order of reports.
func Rules() []Rule {
	return slices.Concat(blockRules(), nodeRules(), serviceRules(), portRules(), nameRules(), selectorRules(), familyRules(), wholeRules())
}

// place is where a rule applies.
type place struct {
	object Object
	field  string
	detail string // what was found there, a clause
}

// behaviour is what an engine does by a rule.
func (r *Rule) behaviour(e Engine) Behaviour {
	b, ok := r.Engines[e.Name]
	if !ok && e.Name == knp { // kindnet is kube-network-policies and a network
		b, ok = r.Engines[kindnet]
	}
	if !ok || b.Before != "" && !e.before(b.Before) {
		return Behaviour{Effect: Right, Does: r.Spec, Source: r.Source}
	}
	return b
}
