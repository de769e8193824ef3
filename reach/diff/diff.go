package diff

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/suites/oracle"
)

// Version is of the form of a Report's JSON.
const Version = 1

// Report is what changed.
type Report struct {
	Kind     string   `json:"kind"` // "netassay-snapshot-diff"
	Version  int      `json:"version"`
	Notes    []string `json:"notes,omitempty"`
	Policies []Policy `json:"policies,omitempty"` // that differ
	Gone     []string `json:"gone,omitempty"`     // groups of pods, by name, that are only in the first
	New      []string `json:"new,omitempty"`      // and only in the second
	Compared int      `json:"compared"`           // pairs that are in both
	Changes  []Change `json:"changes,omitempty"`

	before, after *matrix.Matrix
}

// Policy is one that differs between the two.
type Policy struct {
	Name   string `json:"name"` // namespace/name
	Change string `json:"change"`
}

// Change is some flows between two groups that have another verdict.
type Change struct {
	From     string         `json:"from"`
	To       string         `json:"to"`
	Families []model.Family `json:"families"`
	Ports    string         `json:"ports"` // 80/TCP, 1-79/TCP, TCP for all
	Before   model.Verdict  `json:"before"`
	After    model.Verdict  `json:"after"`
	// By are the policies that make the difference, each by itself; empty where it takes several
	// of those that differ, or the labels of a namespace.
	By     []string `json:"by,omitempty"`
	Reason string   `json:"reason"` // of the verdict after

	from, to int // classes of after
	ports    matrix.Range
}

// differ compares two matrices.
type differ struct {
	before, after *matrix.Matrix
	old, new      map[string]*netv1.NetworkPolicy // by namespace/name
	spaces        map[string][]string             // names of policies that differ, by namespace
	r             *Report
}

// Between compares two states. What changed between them besides policies, as labels, counts too.
func Between(before, after *inventory.Inventory) *Report {
	d := &differ{
		before: matrix.Of(before, matrix.Options{Also: after.Policies}),
		after:  matrix.Of(after, matrix.Options{Also: before.Policies}),
		old:    byName(before), new: byName(after), spaces: map[string][]string{},
		r: &Report{Kind: "netassay-snapshot-diff", Version: Version},
	}
	d.r.before, d.r.after = d.before, d.after
	d.policies()
	d.classes()
	for from := range d.after.Classes {
		for to := range d.after.Classes {
			d.pair(from, to)
		}
	}
	return d.r
}

func byName(v *inventory.Inventory) map[string]*netv1.NetworkPolicy {
	out := map[string]*netv1.NetworkPolicy{}
	for _, p := range v.Policies {
		out[p.Namespace+"/"+p.Name] = p
	}
	return out
}

// policies finds those that differ.
func (d *differ) policies() {
	note := func(p *netv1.NetworkPolicy, change string) {
		d.r.Policies = append(d.r.Policies, Policy{p.Namespace + "/" + p.Name, change})
		d.spaces[p.Namespace] = append(d.spaces[p.Namespace], p.Namespace+"/"+p.Name)
	}
	for name, p := range d.old {
		switch now, ok := d.new[name]; {
		case !ok:
			note(p, "removed")
		case !equality.Semantic.DeepEqual(defaulted(p), defaulted(now)):
			note(p, "changed")
		}
	}
	for name, p := range d.new {
		if _, ok := d.old[name]; !ok {
			note(p, "added")
		}
	}
	slices.SortFunc(d.r.Policies, func(a, b Policy) int { return cmp.Compare(a.Name, b.Name) })
	for _, names := range d.spaces {
		slices.Sort(names)
	}
}

// defaulted is a policy's spec as an API server keeps it: what people left out is no difference.
func defaulted(p *netv1.NetworkPolicy) *netv1.NetworkPolicySpec {
	spec := p.Spec.DeepCopy()
	spec.PolicyTypes = oracle.PolicyTypes(spec)
	slices.Sort(spec.PolicyTypes)
	ports := func(all []netv1.NetworkPolicyPort) {
		for i := range all {
			if tcp := corev1.ProtocolTCP; all[i].Protocol == nil {
				all[i].Protocol = &tcp
			}
		}
	}
	for i := range spec.Ingress {
		ports(spec.Ingress[i].Ports)
	}
	for i := range spec.Egress {
		ports(spec.Egress[i].Ports)
	}
	return spec
}

// classes finds those that are in one only.
func (d *differ) classes() {
	only := func(a, b *matrix.Matrix) (names []string) {
		for i := range a.Classes {
			if _, ok := b.ByKey(a.Classes[i].Key); !ok && a.Classes[i].Kind == matrix.Pods {
				names = append(names, a.Classes[i].Name)
			}
		}
		return names
	}
	d.r.Gone, d.r.New = only(d.before, d.after), only(d.after, d.before)
}

// pair compares the flows from one class to another.
func (d *differ) pair(from, to int) {
	oldFrom, ok := d.before.ByKey(d.after.Classes[from].Key)
	oldTo, okTo := d.before.ByKey(d.after.Classes[to].Key)
	if !ok || !okTo {
		return
	}
	seen := false
	for _, f := range d.after.Families {
		was, is := d.before.Flows(oldFrom, oldTo, f), d.after.Flows(from, to, f)
		if was == nil || is == nil {
			continue
		}
		seen = true
		if slices.Equal(was, is) {
			continue
		}
		for _, c := range differing(was, is) {
			c.from, c.to, c.Families = from, to, []model.Family{f}
			d.add(c)
		}
	}
	if seen {
		d.r.Compared++
	}
}

// differing are the ranges of ports whose verdict differs.
func differing(was, is matrix.Flows) []Change {
	var out []Change
	i, j := 0, 0
	for i < len(was) && j < len(is) {
		a, b := was[i], is[j]
		r := matrix.Range{Protocol: a.Protocol, First: max(a.First, b.First), Last: min(a.Last, b.Last)}
		if a.Verdict != b.Verdict {
			out = append(out, Change{Before: a.Verdict, After: b.Verdict, ports: r})
		}
		if a.Last == r.Last {
			i++
		}
		if b.Last == r.Last {
			j++
		}
	}
	return out
}

// add completes a change, and joins it with the same of another family.
func (d *differ) add(c Change) {
	c.From, c.To, c.Ports = d.after.Classes[c.from].Name, d.after.Classes[c.to].Name, c.ports.String()
	f := matrix.Flow{From: c.from, To: c.to, Family: c.Families[0], Protocol: c.ports.Protocol, Port: c.ports.First}
	egress, ingress, _ := d.after.Ask(f)
	c.Reason = oracle.Both(egress, ingress).Reason
	c.By = d.by(f, c.After)
	for i := len(d.r.Changes) - 1; i >= 0 && d.r.Changes[i].from == c.from && d.r.Changes[i].to == c.to; i-- {
		if other := &d.r.Changes[i]; other.Ports == c.Ports && other.Before == c.Before && other.After == c.After && slices.Equal(other.By, c.By) {
			other.Families = append(other.Families, c.Families...)
			return
		}
	}
	d.r.Changes = append(d.r.Changes, c)
}

// by are the policies that differ and without whose change the flow would not have the verdict.
func (d *differ) by(f matrix.Flow, verdict model.Verdict) []string {
	spaces := []string{d.after.Classes[f.From].Pod.Namespace, d.after.Classes[f.To].Pod.Namespace}
	var out []string
	for _, ns := range slices.Compact(slices.Clone(spaces)) {
		for _, name := range d.spaces[ns] {
			egress, ingress, ok := d.after.AskOf(f, d.reverted(spaces, name))
			if ok && oracle.Both(egress, ingress).Verdict != verdict {
				out = append(out, name)
			}
		}
	}
	return out
}

// reverted are the policies after, of these namespaces, with one of them as it was before.
func (d *differ) reverted(spaces []string, name string) []*netv1.NetworkPolicy {
	var out []*netv1.NetworkPolicy
	for _, p := range d.after.Policies(spaces...) {
		if p.Namespace+"/"+p.Name != name {
			out = append(out, p)
		}
	}
	if was := d.old[name]; was != nil {
		out = append(out, was)
	}
	return out
}
