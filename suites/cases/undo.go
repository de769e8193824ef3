package cases

import (
	"maps"
	"slices"

	"github.com/netassay/netassay/model"
)

// after is a fake cluster in the state after a step (0 is the first).
func (c Case) after(step int) *FakeCluster {
	fake := NewFakeCluster(model.Dual.List()...)
	fake.ownPorts = c.OwnPorts
	for _, s := range c.Steps[:step+1] {
		_ = fake.Do(s.Do...) // checked when the case was loaded
	}
	return fake
}

// Keys are the pods that exist after step (0 is the first), sorted: the fixture's, those
// that the case created, without those that it deleted. Step -1 is before the first.
func (c Case) Keys(step int) []string { return c.after(step).keys() }

// Undo lists the actions that bring a cluster back from the end of the case to the state
// before it: policies, created pods and namespaces deleted, labels as they were, deleted
// pods created again. When a case is broken off half-way, end is the last step that was
// begun (0 is the first); the actions must then tolerate that an object is missing.
func (c Case) Undo(end int) []Action {
	before, after := c.after(-1), c.after(end)
	var undo []Action
	for _, key := range after.policies() {
		undo = append(undo, DeletePolicy{refOf(key)})
	}
	for _, s := range after.services {
		undo = append(undo, after.deleteService(s.Ref))
	}
	for _, key := range after.keys() {
		if before.pod(refOf(key)) < 0 {
			undo = append(undo, DeletePod{refOf(key)})
			if slices.Contains(after.lingers, refOf(key)) {
				undo = append(undo, DeletePod{refOf(key)})
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after.ended)) {
		if after.ended[key].object && after.namespace(refOf(key).Namespace) >= 0 {
			undo = append(undo, DeletePod{refOf(key)})
		}
	}
	undo = append(undo, undoNamespaces(before, after)...)
	return append(undo, undoPods(after)...)
}

func undoNamespaces(before, after *FakeCluster) []Action {
	var undo []Action
	for _, name := range after.namespaces() {
		old := before.namespace(name)
		if old < 0 {
			undo = append(undo, DeleteNamespace{name})
			continue
		}
		changes := labelChanges(after.Snapshot.Namespaces[after.namespace(name)].Labels, before.Snapshot.Namespaces[old].Labels)
		if len(changes) > 0 {
			undo = append(undo, LabelNamespace{name, changes})
		}
	}
	for _, n := range FixtureNamespaces() {
		if after.namespace(n.Name) < 0 {
			undo = append(undo, CreateNamespace{n})
		}
	}
	return undo
}

func undoPods(after *FakeCluster) []Action {
	var undo []Action
	for _, old := range FixturePods() {
		now := after.pod(old.Ref)
		if now < 0 {
			undo = append(undo, CreatePod{old})
		} else if changes := labelChanges(after.Snapshot.Pods[now].Labels, old.Labels); len(changes) > 0 {
			undo = append(undo, LabelPod{old.Ref, changes})
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
