package cases

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// state is what exists, by logical names: enough to check a case without a cluster.
type state struct {
	namespaces map[string]Namespace
	pods       map[string]Pod // by key
	policies   map[string]bool
}

func fixtureState() *state {
	s := &state{namespaces: map[string]Namespace{}, pods: map[string]Pod{}, policies: map[string]bool{}}
	for _, n := range FixtureNamespaces() {
		s.namespaces[n.Name] = n
	}
	for _, p := range FixturePods() {
		s.pods[p.Key()] = p
	}
	return s
}

// after is the state after a step (0 is the first).
func (c Case) after(step int) *state {
	s := fixtureState()
	for _, st := range c.Steps[:step+1] {
		for _, a := range st.Do {
			_ = s.do(a) // checked when the case was loaded
		}
	}
	return s
}

// Keys are the pods that exist after step (0 is the first), sorted: the fixture's, those
// that the case created, without those that it deleted.
func (c Case) Keys(step int) []string { return slices.Sorted(maps.Keys(c.after(step).pods)) }

// PodsAfter are the same pods with their labels, nodes and ports, sorted by key.
func (c Case) PodsAfter(step int) []Pod {
	s := c.after(step)
	var pods []Pod
	for _, key := range slices.Sorted(maps.Keys(s.pods)) {
		pods = append(pods, s.pods[key])
	}
	return pods
}

// do makes the action's change. The error says what is missing, or there already.
func (s *state) do(a Action) error {
	switch {
	case a.Apply != nil:
		if _, ok := s.namespaces[a.Apply.Namespace]; !ok {
			return s.missing("namespace", a.Apply.Namespace, maps.Keys(s.namespaces))
		}
		s.policies[a.Apply.Namespace+"/"+a.Apply.Name] = true
		return nil
	case a.Patch != nil:
		return s.needPolicy(a.Patch.Key())
	case a.Delete != nil:
		err := s.needPolicy(a.Delete.Key())
		delete(s.policies, a.Delete.Key())
		return err
	case a.LabelPod != nil, a.CreatePod != nil, a.DeletePod != nil:
		return s.doPod(a)
	default:
		return s.doNamespace(a)
	}
}

func (s *state) doPod(a Action) error {
	switch {
	case a.CreatePod != nil:
		p := *a.CreatePod
		if _, ok := s.namespaces[p.Namespace]; !ok {
			return s.missing("namespace", p.Namespace, maps.Keys(s.namespaces))
		}
		if _, ok := s.pods[p.Key()]; ok {
			return fmt.Errorf("pod %s exists already", p.Key())
		}
		s.pods[p.Key()] = p
		return nil
	case a.DeletePod != nil:
		err := s.needPod(a.DeletePod.Key())
		delete(s.pods, a.DeletePod.Key())
		return err
	default:
		if err := s.needPod(a.LabelPod.Key()); err != nil {
			return err
		}
		p := s.pods[a.LabelPod.Key()]
		p.Labels = relabelled(p.Labels, a.LabelPod.Labels)
		s.pods[p.Key()] = p
		return nil
	}
}

func (s *state) doNamespace(a Action) error {
	if n := a.CreateNamespace; n != nil {
		if _, ok := s.namespaces[n.Name]; ok {
			return fmt.Errorf("namespace %s exists already", n.Name)
		}
		s.namespaces[n.Name] = *n
		return nil
	}
	name := a.DeleteNamespace
	if a.LabelNamespace != nil {
		name = a.LabelNamespace.Name
	}
	n, ok := s.namespaces[name]
	if !ok {
		return s.missing("namespace", name, maps.Keys(s.namespaces))
	}
	if a.LabelNamespace != nil {
		n.Labels = relabelled(n.Labels, a.LabelNamespace.Labels)
		s.namespaces[name] = n
		return nil
	}
	delete(s.namespaces, name)
	maps.DeleteFunc(s.pods, func(k string, _ Pod) bool { return strings.HasPrefix(k, name+"/") })
	maps.DeleteFunc(s.policies, func(k string, _ bool) bool { return strings.HasPrefix(k, name+"/") })
	return nil
}

func (s *state) needPolicy(key string) error {
	if !s.policies[key] {
		return s.missing("policy", key, maps.Keys(s.policies))
	}
	return nil
}

func (s *state) needPod(key string) error {
	if _, ok := s.pods[key]; !ok {
		return s.missing("pod", key, maps.Keys(s.pods))
	}
	return nil
}

func (s *state) missing(kind, name string, valid func(func(string) bool)) error {
	return fmt.Errorf("%s %q does not exist in this step%s", kind, name, nearest(name, slices.Sorted(valid)))
}
