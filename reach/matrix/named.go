package matrix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/netassay/netassay/internal/suggest"
)

// Named are the classes that a text means, in a namespace where it names none:
//
//	shop/web, web        a workload or a pod
//	shop/app=web         pods by labels; shop/ is all of a namespace
//	10.1.2.3             whoever has the address
//	203.0.113.0/24       a part of the world outside, as the matrix tells it apart
//	world, nodes, own node
func (m *Matrix) Named(text, namespace string) ([]int, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		if class, ok := m.ByAddr(a); ok {
			return []int{class}, nil
		}
		return nil, fmt.Errorf("nothing here has an address of the family of %s: name a pod, or an address of %v", text, m.Families)
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		if class, ok := m.byKey["world "+p.Masked().String()]; ok {
			return []int{class}, nil
		}
		return nil, fmt.Errorf("no ipBlock tells %s apart: name one address of it", text)
	}
	if all := m.ofKind(text); len(all) > 0 {
		return all, nil
	}
	ns, name, ok := strings.Cut(text, "/")
	if !ok {
		ns, name = namespace, text
	}
	all := m.within(ns, name)
	if len(all) == 0 {
		return nil, m.unknown(ns, name)
	}
	return all, nil
}

func (m *Matrix) ofKind(text string) (all []int) {
	for i := range m.Classes {
		if c := &m.Classes[i]; c.Kind != Pods && (string(c.Kind) == text || c.Name == text) {
			all = append(all, i)
		}
	}
	return all
}

// within are the classes of a namespace that a name or labels mean.
func (m *Matrix) within(ns, name string) (all []int) {
	if i, ok := m.byName[ns+"/"+name]; ok {
		return []int{i}
	}
	for i := range m.Classes {
		c := &m.Classes[i]
		if c.Kind == Pods && c.Pod.Namespace == ns && (name == "" || c.is(name) || c.labelled(name)) {
			all = append(all, i)
		}
	}
	return all
}

// is reports whether the class has the name; those of one name are told apart by a
// number, and the only pod of a workload of manifests has one too.
func (c *Class) is(name string) bool {
	_, own, _ := strings.Cut(c.Name, "/")
	own, _, _ = strings.Cut(own, "#")
	return own == name || own == name+"-0" || c.Name == c.Pod.Namespace+"/"+name
}

// labelled reports whether the pods have all labels of "a=b,c=d".
func (c *Class) labelled(text string) bool {
	if !strings.Contains(text, "=") {
		return false
	}
	return !slices.ContainsFunc(strings.Split(text, ","), func(one string) bool {
		k, v, _ := strings.Cut(one, "=")
		have, ok := c.Pod.Labels[k]
		return !ok || have != v
	})
}

func (m *Matrix) unknown(ns, name string) error {
	if m.onHost[ns+"/"+name] {
		return fmt.Errorf("%s/%s is on the host network, where no policy selects it: name nodes", ns, name)
	}
	var spaces, names []string
	for i := range m.Classes {
		if c := &m.Classes[i]; c.Kind == Pods {
			spaces = append(spaces, c.Pod.Namespace)
			if c.Pod.Namespace == ns {
				names = append(names, c.Name)
			}
		}
	}
	slices.Sort(spaces)
	if len(names) == 0 {
		return suggest.Unknown("namespace with pods", ns, slices.Compact(spaces))
	}
	if strings.Contains(name, "=") {
		return fmt.Errorf("no pod of namespace %s has the labels %s", ns, name)
	}
	return suggest.Unknown("pod or workload", ns+"/"+name, names)
}
