package watch

import (
	"maps"
	"slices"
)

// Held is how many objects are held, of all kinds.
func (w *Watcher) Held() int {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return len(w.pods.items) + len(w.namespaces.items) + len(w.policies.items) + len(w.nodes.items)
}

// Trim gives back the room that objects had which are gone: neither maps nor slices get
// smaller by themselves. What is held stays as it is, in the same order.
func (w *Watcher) Trim() {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.pods.trim()
	w.pods.pool.labels.values = fitted(w.pods.pool.labels.values)
	w.pods.pool.ports.values = fitted(w.pods.pool.ports.values)
	w.namespaces.trim()
	w.policies.trim()
	w.nodes.trim()
}

// trim moves everything to where it just fits.
func (s *store[T]) trim() {
	s.index = fitted(s.index)
	s.items, s.keys = fitting(s.items), fitting(s.keys)
}

// fitted is m without the room of entries that are gone. maps.Clone would copy that too.
func fitted[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	maps.Copy(out, m)
	return out
}

// fitting is s without spare room. slices.Clone may leave some.
func fitting[T any](s []T) []T { return slices.Clip(append(make([]T, 0, len(s)), s...)) }
