package assert

import (
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// Question is one flow that is asked about, for who asks it in another way than on paper.
type Question struct {
	At             string // file:line of its expectation
	Client, Server string // "shop/web-0", "node/n1", "world:203.0.113.7"
	Flow           model.Flow
	Want           model.Verdict
}

// Questions are all flows of the plan.
func (p *Plan) Questions() []Question {
	all := make([]Question, 0, len(p.cells))
	for i := range p.cells {
		c := &p.cells[i]
		e := &p.expectations[c.line]
		all = append(all, Question{e.at(), c.client.key, c.server.key, c.flow, e.Verdict})
	}
	return all
}

// Pods are those that flows of the plan begin or end at, each once.
func (p *Plan) Pods() (all []model.Pod) {
	seen := map[string]bool{}
	for i := range p.cells {
		for _, e := range []endpoint{p.cells[i].client, p.cells[i].server} {
			if e.pod != nil && !seen[e.key] {
				seen[e.key] = true
				all = append(all, *e.pod)
			}
		}
	}
	return all
}

// Policies are those of the namespaces of the plan's pods: no others decide its flows.
func (p *Plan) Policies() []*netv1.NetworkPolicy {
	mine := p.namespaces()
	return slices.DeleteFunc(slices.Clone(p.inv.Policies), func(one *netv1.NetworkPolicy) bool { return !mine[one.Namespace] })
}

// Namespaces are those of the plan's pods.
func (p *Plan) Namespaces() []model.Namespace {
	mine := p.namespaces()
	return slices.DeleteFunc(slices.Clone(p.inv.Namespaces), func(n model.Namespace) bool { return !mine[n.Name] })
}

// namespaces are the names of those of the plan's pods.
func (p *Plan) namespaces() map[string]bool {
	names := map[string]bool{}
	for _, pod := range p.Pods() {
		names[pod.Namespace] = true
	}
	return names
}
