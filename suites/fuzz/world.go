package fuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
)

// world is the state that a case has reached: a fake cluster, and by logical names what is in
// it. It is never changed.
type world struct {
	cluster    cases.FakeCluster
	namespaces []string
	pods       map[string]cases.Pod
	policies   map[string]*netv1.NetworkPolicy
}

// fixture is the world before a case's first step.
func fixture() world {
	w := world{cluster: *cases.NewFakeCluster(model.Dual.List()...), pods: map[string]cases.Pod{}, policies: map[string]*netv1.NetworkPolicy{}}
	for _, n := range cases.FixtureNamespaces() {
		w.namespaces = append(w.namespaces, n.Name)
	}
	for _, p := range cases.FixturePods() {
		w.pods[p.Key()] = p
	}
	return w
}

func (w world) keys() []string  { return slices.Sorted(maps.Keys(w.pods)) }
func (w world) names() []string { return slices.Sorted(maps.Keys(w.policies)) }

// after is the world in which all that is done. The error says that it can't be, or not with
// the same result in every cluster.
func (w world) after(do []cases.Action) (world, error) {
	w.namespaces, w.pods, w.policies = slices.Clone(w.namespaces), maps.Clone(w.pods), maps.Clone(w.policies)
	for _, a := range do {
		if err := w.cluster.Do(a); err != nil {
			return w, err
		}
		w.note(a)
		if pod := w.homeless(); pod != "" {
			return w, fmt.Errorf("%s: a policy keeps the address of %s, which a later pod may get or not", a, pod)
		}
	}
	return w, nil
}

// note keeps the books of an action that was done.
func (w *world) note(a cases.Action) {
	switch a := a.(type) {
	case cases.ApplyPolicy:
		w.policies[refOf(a.Policy).Key()] = a.Policy
	case cases.DeletePolicy:
		delete(w.policies, a.Key())
	case cases.CreatePod:
		w.pods[a.Key()] = a.Pod
	case cases.DeletePod:
		delete(w.pods, a.Key())
	case cases.CreateNamespace:
		w.namespaces = append(w.namespaces, a.Name)
	case cases.DeleteNamespace:
		w.namespaces = slices.DeleteFunc(w.namespaces, func(n string) bool { return n == a.Name })
		maps.DeleteFunc(w.pods, func(_ string, p cases.Pod) bool { return p.Namespace == a.Name })
		maps.DeleteFunc(w.policies, func(_ string, p *netv1.NetworkPolicy) bool { return p.Namespace == a.Name })
	}
}

// homeless is a pod that is gone and whose address stands in a policy.
func (w *world) homeless() string {
	for _, name := range w.names() {
		text, err := json.Marshal(w.policies[name].Spec)
		if err != nil {
			return name
		}
		for _, part := range strings.Split(string(text), "${pod:")[1:] {
			end := strings.IndexAny(part, "}")
			fields := strings.SplitN(part[:end], "/", 3)
			key := fields[0] + "/" + fields[1]
			if _, ok := w.pods[key]; !ok && !cases.IsNodeKey(key) {
				return key
			}
		}
	}
	return ""
}
