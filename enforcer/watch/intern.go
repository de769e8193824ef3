package watch

import (
	"fmt"
	"slices"
	"unique"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/netassay/netassay/model"
)

// interner lets equal label maps and port lists be one. It counts who uses them, so that
// values of pods that are gone are given back.
type interner[V any] struct {
	values map[string]*shared[V]
}

type shared[V any] struct {
	value V
	users int
}

func newInterner[V any]() interner[V] { return interner[V]{values: map[string]*shared[V]{}} }

// get is the shared value for a key; value is kept when it is the first.
func (in interner[V]) get(key string, value V) V {
	s := in.values[key]
	if s == nil {
		s = &shared[V]{value: value}
		in.values[key] = s
	}
	s.users++
	return s.value
}

func (in interner[V]) put(key string) {
	s := in.values[key]
	if s.users--; s.users == 0 {
		delete(in.values, key)
	}
}

// pool is what pods share.
type pool struct {
	labels interner[map[string]string]
	ports  interner[[]model.Port]
}

func newPool() pool {
	return pool{labels: newInterner[map[string]string](), ports: newInterner[[]model.Port]()}
}

// share replaces the parts of a pod that others have too.
func (in pool) share(p *model.Pod) {
	p.Namespace = unique.Make(p.Namespace).Value()
	p.Node = unique.Make(p.Node).Value()
	if len(p.Labels) > 0 {
		p.Labels = in.labels.get(labels.Set(p.Labels).String(), p.Labels)
	}
	if len(p.Ports) > 0 {
		p.Ports = in.ports.get(fmt.Sprint(p.Ports), p.Ports)
	}
	p.IPs = slices.Clip(p.IPs)
}

// release ends what share began.
func (in pool) release(p *model.Pod) {
	if len(p.Labels) > 0 {
		in.labels.put(labels.Set(p.Labels).String())
	}
	if len(p.Ports) > 0 {
		in.ports.put(fmt.Sprint(p.Ports))
	}
}
