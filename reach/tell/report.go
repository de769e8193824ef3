package tell

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/matrix"
)

// Version is of the form of the JSON of this package's reports.
const Version = 1

// Report is what a matrix says of some of its classes.
type Report struct {
	Kind    string   `json:"kind"` // "netassay-reach"
	Version int      `json:"version"`
	Notes   []string `json:"notes,omitempty"`
	Classes []Class  `json:"classes"` // those that a flow is of
	Flows   []Flow   `json:"flows"`
	// More is of how many pairs of classes nobody was asked, as Question.Most flows were found before.
	More int `json:"-"`
}

// Class is pods, nodes or addresses that no policy tells apart.
type Class struct {
	Name      string            `json:"name"`
	Kind      matrix.Kind       `json:"kind"`
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Ports     []string          `json:"ports,omitempty"` // that its pods declare
	Count     int               `json:"count,omitempty"`
	Examples  []string          `json:"examples,omitempty"`
}

// Flow is what may pass from one class to another, by the families for which it is the same.
// Ranges of ports are like 80/TCP, 1-79/TCP, and TCP for all.
type Flow struct {
	From      string         `json:"from"`
	To        string         `json:"to"`
	Families  []model.Family `json:"families"`
	Allow     []string       `json:"allow,omitempty"`
	Deny      []string       `json:"deny,omitempty"`
	Undefined []string       `json:"undefined,omitempty"` // the specification leaves it open
}

// Question says of which flows a report is.
type Question struct {
	// From and To are classes by their index; nil is all.
	From, To []int
	// Namespace is one that an end is in, where neither From nor To names any; "" is any.
	Namespace string
	// Most is how many flows are told; 0 is all. Of the pairs that come after, nobody is asked.
	Most int
}

// Reach asks a matrix.
func Reach(m *matrix.Matrix, q Question, notes []string) *Report {
	r := &Report{Kind: "netassay-reach", Version: Version, Notes: notes}
	all := make([]int, len(m.Classes))
	for i := range all {
		all[i] = i
	}
	anywhere := q.Namespace == "" || q.From != nil || q.To != nil
	in := func(i int) bool { return anywhere || m.Classes[i].Pod.Namespace == q.Namespace }
	from, to := orAll(q.From, all), orAll(q.To, all)
	used := make([]bool, len(all))
	if q.Most == 0 && anywhere {
		r.Flows = make([]Flow, 0, len(from)*len(to)) // of a million, copies would cost more than answers
	}
	said := words{}
	for _, a := range from {
		for _, b := range to {
			switch {
			case !in(a) && !in(b):
			case q.Most > 0 && len(r.Flows) >= q.Most:
				r.More++
			default:
				n := len(r.Flows)
				r.Flows = said.flows(r.Flows, m, a, b)
				used[a], used[b] = used[a] || len(r.Flows) > n, used[b] || len(r.Flows) > n
			}
		}
	}
	for i := range m.Classes {
		if used[i] {
			r.Classes = append(r.Classes, classOf(&m.Classes[i]))
		}
	}
	return r
}

func orAll(chosen, all []int) []int {
	if chosen == nil {
		return all
	}
	return chosen
}

func classOf(c *matrix.Class) Class {
	out := Class{Name: c.Name, Kind: c.Kind, Namespace: c.Pod.Namespace, Labels: c.Pod.Labels, Count: c.Count, Examples: c.Examples}
	for _, p := range c.Pod.Ports {
		text := fmt.Sprintf("%d/%s", p.Number, p.Protocol)
		if p.Name != "" {
			text += " " + p.Name
		}
		out.Ports = append(out.Ports, text)
	}
	return out
}

// words are the ranges of flows as texts. Flows are shared by many pairs, and so are these.
type words map[*matrix.Range]Flow

// of has the ranges of a flow, and nothing else.
func (w words) of(flows matrix.Flows) Flow {
	if len(flows) == 0 {
		return Flow{}
	}
	f, ok := w[&flows[0]]
	if !ok {
		f = Flow{Allow: texts(flows.Only(model.Allow)), Deny: texts(flows.Only(model.Deny)), Undefined: texts(flows.Only(model.Undefined))}
		w[&flows[0]] = f
	}
	return f
}

// flows adds one Flow for all families, or one of each where they differ.
func (w words) flows(out []Flow, m *matrix.Matrix, from, to int) []Flow {
	n, begin := len(out), 0 // the last flow is for m.Families[begin:]
	for i, family := range m.Families {
		flows := m.Flows(from, to, family)
		if flows == nil {
			continue
		}
		f := w.of(flows)
		if len(out) == n || !out[len(out)-1].same(f) || begin+len(out[len(out)-1].Families) != i {
			begin = i
			f.From, f.To = m.Classes[from].Name, m.Classes[to].Name
			out = append(out, f)
		}
		out[len(out)-1].Families = m.Families[begin : i+1 : i+1] // a part of the one list, which a million share
	}
	return out
}

func (f Flow) same(g Flow) bool {
	return slices.Equal(f.Allow, g.Allow) && slices.Equal(f.Deny, g.Deny) && slices.Equal(f.Undefined, g.Undefined)
}

func texts(ranges matrix.Flows) []string {
	var out []string
	for _, r := range ranges {
		out = append(out, r.String())
	}
	return out
}

// Verdict is the flow in a few words.
func (f Flow) Verdict() string {
	switch {
	case len(f.Deny)+len(f.Undefined) == 0:
		return "all"
	case len(f.Allow)+len(f.Undefined) == 0:
		return "nothing"
	case len(f.Undefined) > 0 && len(f.Allow)+len(f.Deny) == 0:
		return "left open by the API"
	}
	var parts []string
	switch {
	case len(f.Allow) > 3 && len(f.Deny) > 0:
		parts = append(parts, "all but "+strings.Join(f.Deny, ", "))
	case len(f.Allow) > 0:
		parts = append(parts, strings.Join(f.Allow, ", "))
	}
	if len(f.Undefined) > 0 {
		parts = append(parts, "left open: "+strings.Join(f.Undefined, ", "))
	}
	return strings.Join(parts, "; ")
}

// only says for which families a flow is, where another family's of the same pair differs.
func (r *Report) only(i int) string {
	f := &r.Flows[i]
	pair := func(j int) bool {
		return 0 <= j && j < len(r.Flows) && r.Flows[j].From == f.From && r.Flows[j].To == f.To
	}
	if !pair(i-1) && !pair(i+1) {
		return ""
	}
	var names []string
	for _, one := range f.Families {
		names = append(names, string(one))
	}
	return " (" + strings.Join(names, ", ") + " only)"
}

// Notes are what a reader must know of an inventory before believing what its matrix says.
func Notes(v *inventory.Inventory) []string {
	var out []string
	for _, k := range v.Foreign {
		if k.N == inventory.Uncounted {
			out = append(out, fmt.Sprintf("there may be objects of kind %s, which may not be listed: they can allow and deny what is not said here", k))
			continue
		}
		out = append(out, fmt.Sprintf("%d of kind %s: not understood, and they can allow and deny what is not said here", k.N, k))
	}
	if len(v.Policies) == 0 {
		out = append(out, "there is no NetworkPolicy: everything may talk to everything")
	}
	return out
}

// labels lists them as kubectl does.
func (c *Class) labels() string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		out = append(out, k+"="+c.Labels[k])
	}
	return strings.Join(out, ",")
}
