package runner

import (
	"iter"
	"slices"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/oracle"
)

// kind is what cells of the same probe and path have in common.
type kind struct {
	probe cases.Probe
	path  cases.Path
}

// cellKey names a cell within a step.
type cellKey struct {
	client, server string
	family         model.Family
	kind
}

// verdicts are what is wanted of every cell of a step.
type verdicts map[cellKey]model.Verdict

// wants are the verdicts after a step; step -1 is the state before the first, in which
// everything is allowed. Cells of nodes that have no role in the case are left out.
func wants(c cases.Case, step int, families []model.Family) verdicts {
	want := verdicts{}
	keys := endpoints(c, step)
	for _, client := range keys {
		for _, server := range keys {
			if !meets(c, client, server) {
				continue
			}
			for _, k := range kinds(c, server) {
				for _, f := range families {
					key := cellKey{client, server, f, k}
					want[key] = wantOf(c, step, key)
				}
			}
		}
	}
	return want
}

func wantOf(c cases.Case, step int, k cellKey) model.Verdict {
	switch {
	case step >= 0:
		return c.Want(step, k.client, k.server, k.probe, k.family)
	case k.client == k.server:
		return model.Undefined
	default:
		return model.Allow
	}
}

func endpoints(c cases.Case, step int) []string {
	var keys []string
	if step < 0 {
		for _, p := range cases.FixturePods() {
			keys = append(keys, p.Key())
		}
	} else {
		keys = c.Keys(step)
	}
	if len(c.Nodes) > 0 {
		for n := 1; n <= cases.FixtureNodes; n++ {
			keys = append(keys, cases.NodeKey(n))
		}
	}
	return keys
}

// meets says that the case looks at this pair at all.
func meets(c cases.Case, client, server string) bool {
	fromNode, toNode := cases.IsNodeKey(client), cases.IsNodeKey(server)
	switch {
	case fromNode && toNode:
		return false
	case fromNode:
		return slices.Contains(c.Nodes, cases.NodeClient)
	case toNode:
		return slices.Contains(c.Nodes, cases.NodeServer)
	}
	return true
}

// kinds are the kinds of cells that end at server. Nodes have no Service.
func kinds(c cases.Case, server string) []kind {
	var all []kind
	for _, path := range c.Paths {
		if path != cases.PathPod && cases.IsNodeKey(server) {
			continue
		}
		for _, p := range c.Probes {
			all = append(all, kind{p, path})
		}
	}
	return all
}

// touched are the pods that a step creates, or deletes and creates again: their cells have
// no past.
func touched(s cases.Step) map[string]bool {
	keys := map[string]bool{}
	for _, a := range s.Do {
		keys[cases.EffectOf(a).Creates] = true
	}
	return keys
}

// passing are the cells that a step with several actions makes something else on its way
// than what they are after it: that is nobody's fault. They are found on fake clusters.
func passing(c cases.Case, step int, want verdicts, families []model.Family) map[cellKey]bool {
	between := map[cellKey]bool{}
	if len(c.Steps[step].Do) < 2 {
		return between
	}
	for view := range views(c.Steps[step].Do) {
		fake := cases.NewFakeCluster(families...)
		for _, s := range c.Steps[:step] {
			_ = doAll(fake, s.Do) // checked when the case was loaded
		}
		if doAll(fake, view) != nil {
			continue // a pod of a namespace that is not there in this view
		}
		for k, v := range want {
			flow, ok := onFake(fake, k)
			if ok && v != model.Undefined && oracle.Evaluate(fake.Snapshot, flow).Verdict != v {
				between[k] = true
			}
		}
	}
	return between
}

// views are the parts of what was done that an engine may know of at a time. The API server
// keeps the order of changes of one resource only: a label may be heard of after a policy
// that was written later.
func views(done []cases.Action) iter.Seq[[]cases.Action] {
	var of [3]int // how many actions there are on each resource
	for _, a := range done {
		of[cases.EffectOf(a).Resource]++
	}
	return func(yield func([]cases.Action) bool) {
		for n := range (of[0] + 1) * (of[1] + 1) * (of[2] + 1) {
			known := [3]int{n % (of[0] + 1), n / (of[0] + 1) % (of[1] + 1), n / (of[0] + 1) / (of[1] + 1)}
			if !yield(prefixes(done, known)) {
				return
			}
		}
	}
}

// prefixes are the first known[r] actions on each resource r, in their order.
func prefixes(done []cases.Action, known [3]int) []cases.Action {
	var part []cases.Action
	for _, a := range done {
		if r := cases.EffectOf(a).Resource; known[r] > 0 {
			known[r]--
			part = append(part, a)
		}
	}
	return part
}

func doAll(fake *cases.FakeCluster, actions []cases.Action) error {
	for _, a := range actions {
		if err := fake.Do(a); err != nil {
			return err
		}
	}
	return nil
}

func onFake(p *cases.FakeCluster, k cellKey) (model.Flow, bool) {
	client, server := k.family.First(p.PodIPs(k.client)), k.family.First(p.PodIPs(k.server))
	ok := client.IsValid() && server.IsValid()
	return model.Flow{Client: client, Server: server, Protocol: k.probe.Protocol, Port: k.probe.Port}, ok
}
