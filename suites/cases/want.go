package cases

import (
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
)

// Want is the pinned verdict of one cell after step (0 is the first); before the first,
// -1, everything is allowed. It is Undefined, to be observed and never judged, for a pod to
// itself and for a node that has no such role in this case. It does not check that the pods
// exist: see Keys.
func (c Case) Want(step int, k Cell) model.Verdict {
	if k.Client == k.Server || !c.meet(k.Client, k.Server) {
		return model.Undefined
	}
	verdict := model.Allow
	if step < 0 {
		return verdict
	}
	for _, e := range c.Steps[step].Expect {
		if e.matches(k) {
			verdict = e.Verdict
		}
	}
	return verdict
}

// HasFeature reports whether the case needs f.
func (c Case) HasFeature(f Feature) bool { return slices.Contains(c.Features, f) }

func (e Expect) matches(k Cell) bool {
	return matchesAny(e.Clients, k.Client) && matchesAny(e.Servers, k.Server) &&
		(len(e.Families) == 0 || slices.Contains(e.Families, k.Family)) &&
		(len(e.Ports) == 0 || slices.ContainsFunc(e.Ports, func(pp PortPattern) bool { return pp.matches(k.Probe) }))
}

func (pp PortPattern) matches(p Probe) bool {
	return (pp.Port == 0 || pp.Port == p.Port) && (pp.Protocol == "" || pp.Protocol == p.Protocol)
}

func matchesAny(patterns []Pattern, key string) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool { return p.matches(key) })
}

// matches reports whether the endpoint with this key is one that p stands for.
func (p Pattern) matches(key string) bool {
	if p == "*" {
		return true
	}
	if IsNodeKey(key) {
		return p == "node*" || string(p) == "node"+strings.TrimPrefix(key, nodePrefix)
	}
	wantNS, wantName, ok := strings.Cut(string(p), "/")
	if !ok {
		return false
	}
	ns, name, _ := strings.Cut(key, "/")
	return (wantNS == "*" || wantNS == ns) && (wantName == "*" || wantName == name)
}
