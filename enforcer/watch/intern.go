package watch

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"unique"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/netassay/netassay/model"
)

// interner lets equal label maps and port lists be one. It counts who uses them, so that
// values of pods that are gone are given back.
type interner[V any] struct {
	values map[digest]*shared[V]
}

// digest stands for a text: where each pod has labels of its own, the texts would take as much
// as the labels.
type digest [16]byte

func digestOf(text string) digest {
	sum := sha256.Sum256([]byte(text))
	return digest(sum[:])
}

type shared[V any] struct {
	value V
	users int
}

func newInterner[V any]() interner[V] { return interner[V]{values: map[digest]*shared[V]{}} }

// get is the shared value for a text, made when it is the first.
func (in interner[V]) get(text string, make func() V) V {
	key := digestOf(text)
	s := in.values[key]
	if s == nil {
		s = &shared[V]{value: make()}
		in.values[key] = s
	}
	s.users++
	return s.value
}

func (in interner[V]) put(text string) {
	key := digestOf(text)
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
		p.Labels = in.labels.get(labels.Set(p.Labels).String(), func() map[string]string { return sharing(p.Labels) })
	}
	if len(p.Ports) > 0 {
		p.Ports = in.ports.get(fmt.Sprint(p.Ports), func() []model.Port { return p.Ports })
	}
	p.IPs = slices.Clip(p.IPs)
}

// sharing is a copy of labels whose keys are shared: these are not one pod's alone, even if all
// labels together are.
func sharing(of map[string]string) map[string]string {
	out := make(map[string]string, len(of))
	for k, v := range of {
		out[unique.Make(k).Value()] = v
	}
	return out
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
