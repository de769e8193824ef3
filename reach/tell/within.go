package tell

import "slices"

// Within keeps the flows with an end in a namespace, "" for all; an end that was asked for by name
// needs not be in it.
func (r *Report) Within(namespace string, fromNamed, toNamed bool) {
	if namespace == "" || fromNamed && toNamed {
		return
	}
	in := map[string]bool{}
	for i := range r.Classes {
		in[r.Classes[i].Name] = r.Classes[i].Namespace == namespace
	}
	r.Flows = slices.DeleteFunc(r.Flows, func(f Flow) bool {
		return !(in[f.From] && !fromNamed) && !(in[f.To] && !toNamed)
	})
	used := map[string]bool{}
	for i := range r.Flows {
		used[r.Flows[i].From], used[r.Flows[i].To] = true, true
	}
	r.Classes = slices.DeleteFunc(r.Classes, func(c Class) bool { return !used[c.Name] })
}
