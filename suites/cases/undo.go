package cases

import (
	"maps"
	"slices"
)

// Undo lists the actions that bring a cluster back from the end of the case to the state
// before it: policies, created pods and namespaces deleted, labels as they were, deleted
// pods created again. When a case is broken off half-way, end is the last step that was
// begun (0 is the first); the actions must then tolerate that an object is missing.
func (c Case) Undo(end int) []Action {
	before, after := fixtureState(), c.after(end)
	var undo []Action
	for _, key := range slices.Sorted(maps.Keys(after.policies)) {
		undo = append(undo, Action{Delete: refOf(key)})
	}
	for _, key := range slices.Sorted(maps.Keys(after.pods)) {
		if _, ok := before.pods[key]; !ok {
			undo = append(undo, Action{DeletePod: refOf(key)})
		}
	}
	undo = append(undo, undoNamespaces(before, after)...)
	return append(undo, undoPods(before, after)...)
}

func undoNamespaces(before, after *state) []Action {
	var undo []Action
	for _, name := range slices.Sorted(maps.Keys(after.namespaces)) {
		old, ok := before.namespaces[name]
		if !ok {
			undo = append(undo, Action{DeleteNamespace: name})
		} else if changes := labelChanges(after.namespaces[name].Labels, old.Labels); len(changes) > 0 {
			undo = append(undo, Action{LabelNamespace: &NamespaceLabels{Name: name, Labels: changes}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.namespaces)) {
		if _, ok := after.namespaces[name]; !ok {
			n := before.namespaces[name]
			undo = append(undo, Action{CreateNamespace: &n})
		}
	}
	return undo
}

func undoPods(before, after *state) []Action {
	var undo []Action
	for _, key := range slices.Sorted(maps.Keys(before.pods)) {
		old := before.pods[key]
		now, ok := after.pods[key]
		if !ok {
			undo = append(undo, Action{CreatePod: &old})
		} else if changes := labelChanges(now.Labels, old.Labels); len(changes) > 0 {
			undo = append(undo, Action{LabelPod: &PodLabels{Ref: old.Ref, Labels: changes}})
		}
	}
	return undo
}

// labelChanges makes labels now into what they were.
func labelChanges(now, old map[string]string) map[string]*string {
	changes := map[string]*string{}
	for k := range now {
		if _, ok := old[k]; !ok {
			changes[k] = nil
		}
	}
	for k, v := range old {
		if have, ok := now[k]; !ok || have != v {
			changes[k] = &v
		}
	}
	return changes
}
