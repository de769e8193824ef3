package assert

import (
	"errors"
	"fmt"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/explain"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/suites/oracle"
)

// Report is how expectations fared.
type Report struct {
	Policies int    `json:"policies"`
	Flows    int    `json:"flows"`
	Lines    []Line `json:"expectations"`
}

// Line is how one expectation fared.
type Line struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Text  string `json:"text"`
	Flows int    `json:"flows"`
	Wrong int    `json:"wrong"`
	// Examples are the first of the flows that are not as expected.
	Examples []Flow `json:"examples,omitempty"`
}

// Flow is one that is not as expected, and why.
type Flow struct {
	Client  string        `json:"client"`
	Server  string        `json:"server"`
	Port    string        `json:"port"`
	Family  model.Family  `json:"family"`
	Want    model.Verdict `json:"want"`
	Got     model.Verdict `json:"got"`
	Egress  string        `json:"egress"`  // what policies on the client say
	Ingress string        `json:"ingress"` // what policies on the server say
	// Near is what nearly made it otherwise: of the first flow of an expectation only.
	Near []string `json:"near,omitempty"`
}

// String is the flow as a line has it.
func (f Flow) String() string {
	return fmt.Sprintf("%s -> %s %s %s", f.Client, f.Server, f.Port, f.Family)
}

// like reports whether two flows differ in their family alone, or in nothing that is told.
func (f *Flow) like(other Flow) bool {
	return f.Client == other.Client && f.Server == other.Server && f.Port == other.Port && f.Got == other.Got && f.Egress == other.Egress && f.Ingress == other.Ingress
}

// Failed is how many expectations do not hold.
func (r *Report) Failed() (n int) {
	for i := range r.Lines {
		if r.Lines[i].Wrong > 0 {
			n++
		}
	}
	return n
}

// examples is how many flows of a line are told.
const examples = 3

// Check asks the oracle about all flows of the plan.
func (p *Plan) Check() *Report {
	r := &Report{Policies: len(p.inv.Policies), Flows: len(p.cells), Lines: make([]Line, len(p.expectations))}
	for i := range p.expectations {
		e := &p.expectations[i]
		r.Lines[i] = Line{File: e.File, Line: e.Line, Text: e.Text}
	}
	near := nearMisses(p.inv)
	for i := range p.cells {
		c := &p.cells[i]
		line, want := &r.Lines[c.line], p.expectations[c.line].Verdict
		line.Flows++
		s := p.lens.on(c.client, c.server)
		got := oracle.Evaluate(s, c.flow)
		if got.Verdict == want {
			continue
		}
		line.Wrong++
		if f := explained(s, c, want, got.Verdict); len(line.Examples) < examples && !slices.ContainsFunc(line.Examples, f.like) {
			if len(line.Examples) == 0 {
				f.Near = near(c.flow)
			}
			line.Examples = append(line.Examples, f)
		}
	}
	return r
}

// mostNear is how many near misses of a flow are told.
const mostNear = 3

// nearMisses finds what nearly made a flow otherwise. What it needs is made when it is first asked.
func nearMisses(inv *inventory.Inventory) func(model.Flow) []string {
	var m *matrix.Matrix
	return func(f model.Flow) (all []string) {
		if m == nil {
			m = matrix.Of(inv, matrix.Options{})
		}
		from, ok := m.ByAddr(f.Client)
		to, found := m.ByAddr(f.Server)
		if !ok || !found {
			return nil
		}
		e, err := explain.Flow(inv, m, from, to, explain.Port{Protocol: f.Protocol, Number: f.Port})
		if err != nil { // two pods that are alike: there is nothing that tells them apart
			return nil
		}
		for _, finding := range e.Near[:min(mostNear, len(e.Near))] {
			all = append(all, finding.String())
		}
		return all
	}
}

func explained(s model.Snapshot, c *cell, want, got model.Verdict) Flow {
	egress, ingress := oracle.Ends(s, c.flow)
	return Flow{
		Client: c.client.key, Server: c.server.key, Port: fmt.Sprintf("%d/%s", c.flow.Port, c.flow.Protocol), Family: model.FamilyOf(c.flow.Client),
		Want: want, Got: got, Egress: egress.Reason, Ingress: ingress.Reason,
	}
}

// Noticed is the first line that does not hold by policies that differ from those of the inventory
// in one namespace: only flows of its pods can have changed. ok is false when all lines hold.
func (p *Plan) Noticed(policies []*netv1.NetworkPolicy, namespace string) (at string, ok bool) {
	l := p.lens.with(policies)
	for i := range p.cells {
		c := &p.cells[i]
		if !within(c.client, namespace) && !within(c.server, namespace) {
			continue
		}
		if oracle.Evaluate(l.on(c.client, c.server), c.flow).Verdict != p.expectations[c.line].Verdict {
			return p.expectations[c.line].at(), true
		}
	}
	return "", false
}

func within(e endpoint, namespace string) bool {
	return e.pod != nil && e.pod.Namespace == namespace
}

// wrongs gathers the errors of lines.
type wrongs []error

func (w *wrongs) add(e *Expectation, err error) { *w = append(*w, fmt.Errorf("%s: %w", e.at(), err)) }

func (w wrongs) err() error { return errors.Join(w...) }
