package cases

import (
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
)

// Want is the pinned verdict of one cell after step (0 is the first): from client to
// server (keys such as "x/a" or "node/1") by probe p in family. It is Undefined, to be
// observed and never judged, for a pod to itself and for a node that has no such role in
// this case. It does not check that the pods exist: see Keys.
func (c Case) Want(step int, client, server string, p Probe, family model.Family) model.Verdict {
	if client == server || !c.pinned(client, NodeClient) || !c.pinned(server, NodeServer) ||
		(IsNodeKey(client) && IsNodeKey(server)) {
		return model.Undefined
	}
	verdict := model.Allow
	for _, e := range c.Steps[step].Expect {
		if e.matches(client, server, p, family) {
			verdict = e.Verdict
		}
	}
	return verdict
}

// HasFeature reports whether the case needs f.
func (c Case) HasFeature(f Feature) bool { return slices.Contains(c.Features, f) }

// pinned reports whether the case says anything about key in this role.
func (c Case) pinned(key string, role NodeRole) bool {
	return !IsNodeKey(key) || slices.Contains(c.Nodes, role)
}

func (e Expect) matches(client, server string, p Probe, family model.Family) bool {
	return matchesAny(e.Clients, client) && matchesAny(e.Servers, server) &&
		(len(e.Families) == 0 || slices.Contains(e.Families, family)) &&
		(len(e.Ports) == 0 || slices.ContainsFunc(e.Ports, func(pp PortPattern) bool { return pp.matches(p) }))
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
