package fuzz

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/suites/cases"
)

// draft is a case while it is drawn.
type draft struct {
	gen.Grammar
	c        cases.Case
	world    world
	prefixes bool
	made     int // policies and pods so far, for their names
}

func newDraft(name string, src rand.Source, o Options) *draft {
	d := &draft{
		Grammar:  gen.Grammar{Rand: rand.New(src), Words: gen.Words{PodLabels: podLabels, NamespaceLabels: namespaceLabels, PortNames: portNames, Ports: portNumbers}},
		world:    fixture(),
		prefixes: o.Prefixes,
		c:        cases.Case{Name: name, Paths: []cases.Path{cases.PathPod}},
	}
	d.Block = d.block
	all := probed()
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	d.c.Probes = all[:4]
	if o.Nodes && d.Chance(20) {
		d.c.Nodes = []cases.NodeRole{cases.NodeClient, cases.NodeServer}
	}
	return d
}

// actions draws what a step does: the first labels what there is, the second makes policies,
// and the others edit, most of them one object.
func (d *draft) actions() (do []cases.Action) {
	switch len(d.c.Steps) {
	case 0:
		return d.settle()
	case 1:
		for range 2 + d.IntN(3) {
			do = append(do, d.apply(""))
		}
		return do
	}
	do = d.edit()
	if d.Chance(20) {
		do = append(do, d.edit()...)
	}
	return do
}

// settle labels most of what the fixture has.
func (d *draft) settle() (do []cases.Action) {
	for _, n := range d.world.namespaces {
		do = append(do, cases.LabelNamespace{Name: n, Labels: pointers(d.labels(namespaceLabels))})
	}
	for _, key := range d.world.keys() {
		if d.Chance(70) {
			do = append(do, cases.LabelPod{Ref: d.world.pods[key].Ref, Labels: pointers(d.labels(podLabels))})
		}
	}
	return do
}

func pointers(labels map[string]string) map[string]*string {
	out := map[string]*string{}
	for k, v := range labels {
		out[k] = &v
	}
	return out
}

func (d *draft) edit() []cases.Action {
	names := d.world.names()
	n := d.IntN(100)
	switch {
	case n < 14 && len(names) < 5 || len(names) == 0:
		return []cases.Action{d.apply("")}
	case n < 60:
		return []cases.Action{d.apply(gen.Pick(d, names...))}
	case n < 66:
		return []cases.Action{cases.DeletePolicy{Ref: refOf(d.world.policies[gen.Pick(d, names...)])}}
	case n < 92:
		return []cases.Action{d.label()}
	}
	return d.lifecycle()
}

func refOf(p *netv1.NetworkPolicy) cases.Ref { return cases.Ref{Namespace: p.Namespace, Name: p.Name} }

// apply draws a policy, or an edit of the one that there is: another one, or one in which a
// field is another's.
func (d *draft) apply(key string) cases.Action {
	old := d.world.policies[key]
	if old == nil {
		d.made++
		return cases.ApplyPolicy{Policy: d.policy(gen.Pick(d, d.world.namespaces...), fmt.Sprintf("p%d", d.made))}
	}
	fresh := d.policy(old.Namespace, old.Name)
	if d.Chance(30) {
		return cases.ApplyPolicy{Policy: fresh}
	}
	edited := old.DeepCopy()
	gen.Pick(d,
		func(s *netv1.NetworkPolicySpec) { s.PodSelector = fresh.Spec.PodSelector },
		func(s *netv1.NetworkPolicySpec) { s.PolicyTypes = fresh.Spec.PolicyTypes },
		func(s *netv1.NetworkPolicySpec) { s.Ingress = fresh.Spec.Ingress },
		func(s *netv1.NetworkPolicySpec) { s.Egress = fresh.Spec.Egress },
	)(&edited.Spec)
	return cases.ApplyPolicy{Policy: edited}
}

func (d *draft) policy(namespace, name string) *netv1.NetworkPolicy {
	p := d.Policy(namespace, name)
	p.APIVersion, p.Kind = netv1.SchemeGroupVersion.String(), "NetworkPolicy"
	return p
}

// label draws a change of a pod's or a namespace's label.
func (d *draft) label() cases.Action {
	if d.Chance(60) {
		return cases.LabelPod{Ref: d.world.pods[gen.Pick(d, d.world.keys()...)].Ref, Labels: d.change(podLabels)}
	}
	return cases.LabelNamespace{Name: gen.Pick(d, d.world.namespaces...), Labels: d.change(namespaceLabels)}
}

// change sets or takes away one of the labels that may come and go.
func (d *draft) change(labels []gen.Label) map[string]*string {
	l := gen.Pick(d, free(labels)...)
	if d.Chance(20) {
		return map[string]*string{l.Key: nil}
	}
	return map[string]*string{l.Key: new(gen.Pick(d, l.Values...))}
}

// lifecycle draws pods and namespaces that come and go.
func (d *draft) lifecycle() []cases.Action {
	extra := slices.Contains(d.world.namespaces, "w")
	switch n := d.IntN(8); {
	case n < 4:
		return []cases.Action{d.newPod(gen.Pick(d, d.world.namespaces...))}
	case n < 6:
		return []cases.Action{cases.DeletePod{Ref: d.world.pods[gen.Pick(d, d.world.keys()...)].Ref}}
	case !extra:
		ns := cases.Namespace{Name: "w", Labels: map[string]string{"ns": "w"}}
		maps.Copy(ns.Labels, d.labels(namespaceLabels))
		return []cases.Action{cases.CreateNamespace{Namespace: ns}, d.newPod("w")}
	}
	return []cases.Action{cases.DeleteNamespace{Name: "w"}}
}

// newPod draws a pod: one of the fixture's that is gone, as it was but for its labels, or one
// of its own.
func (d *draft) newPod(namespace string) cases.Action {
	for _, p := range cases.FixturePods() {
		if _, there := d.world.pods[p.Key()]; !there && p.Namespace == namespace {
			p.Made = true
			maps.Copy(p.Labels, d.labels(podLabels))
			return cases.CreatePod{Pod: p}
		}
	}
	d.made++
	p := cases.Pod{Ref: cases.Ref{Namespace: namespace, Name: fmt.Sprintf("d%d", d.made)}, Node: 1 + d.IntN(cases.FixtureNodes), Ports: declared(d.Rand), Made: true}
	p.Labels = d.labels(podLabels)
	p.Labels["pod"] = p.Name
	return cases.CreatePod{Pod: p}
}

func (d *draft) labels(words []gen.Label) map[string]string {
	out := map[string]string{}
	for _, l := range free(words) {
		if d.Chance(70) {
			out[l.Key] = gen.Pick(d, l.Values...)
		}
	}
	return out
}
