package cases

import (
	"slices"

	"github.com/netassay/netassay/model"
)

// Kind is what cells of the same probe and path have in common.
type Kind struct {
	Probe Probe
	Path  Path
}

// Cell names one cell of a step: a flow between two endpoints, by key.
type Cell struct {
	Client, Server string // such as "x/a" or "node/1"
	Family         model.Family
	Kind
	Held string // the name of a long-lived flow; "" for new ones
}

// Flow is what the cell is on a cluster. ok is false when a pod has no address of the family.
func (k Cell) Flow(b Binding) (f model.Flow, ok bool) {
	f.Client, f.Server = k.Family.First(b.PodIPs(k.Client)), k.Family.First(b.PodIPs(k.Server))
	f.Protocol, f.Port = k.Probe.Protocol, k.Probe.Port
	return f, f.Client.IsValid() && f.Server.IsValid()
}

// Cells are the cells of the matrix after step (0 is the first, -1 the state before it).
// Those of nodes that have no role in the case are left out.
func (c Case) Cells(step int, families []model.Family) []Cell {
	fake := c.after(step)
	all := slices.Concat(c.cells(fake, families), c.held(fake, step, families), c.formed(fake, step, families))
	for _, k := range c.More {
		if slices.Contains(families, k.Family) && fake.pod(refOf(k.Client)) >= 0 && fake.pod(refOf(k.Server)) >= 0 &&
			fake.leads(k.Client, k.Server, k.Kind) {
			all = append(all, k)
		}
	}
	return all
}

// cells are those of the paths that the case names.
func (c Case) cells(fake *FakeCluster, families []model.Family) []Cell {
	var all []Cell
	keys := c.endpoints(fake)
	for _, client := range keys {
		for _, server := range keys {
			if !c.meet(client, server) {
				continue
			}
			all = append(all, c.between(fake, client, server, families)...)
		}
	}
	return all
}

// between are the cells of a pair, in the families that both have.
func (c Case) between(fake *FakeCluster, client, server string, families []model.Family) []Cell {
	var all []Cell
	for _, f := range families {
		if !fake.has(client, f) || !fake.has(server, f) || !c.whole(client, server, f) {
			continue
		}
		for _, k := range c.kinds() {
			if fake.leads(client, server, k) {
				all = append(all, Cell{Client: client, Server: server, Family: f, Kind: k})
			}
		}
	}
	return all
}

// whole reports whether all cells of a pair in a family are probed, and not just some of them.
func (c Case) whole(client, server string, f model.Family) bool {
	return c.Whole == "" || c.Whole == f || !IsPodKey(client) || !IsPodKey(server)
}

// held are the cells of the flows that were opened by the end of the step and whose pods exist. A
// flow knows only addresses: it goes on to the pod that has got those of its server.
func (c Case) held(fake *FakeCluster, step int, families []model.Family) []Cell {
	var all []Cell
	for _, s := range c.Steps[:step+1] {
		for _, a := range s.Do {
			f, ok := a.(OpenFlow)
			if !ok {
				continue
			}
			server := c.heir(f.Server.Key(), step)
			for _, family := range families {
				if !fake.has(f.Client.Key(), family) || !fake.has(server, family) {
					continue
				}
				all = append(all, Cell{f.Client.Key(), server, family, Kind{f.Probe, PathPod}, f.Name})
			}
		}
	}
	return all
}

// heir is the key of the pod that has got the addresses of a pod by the end of the step, or its own.
func (c Case) heir(key string, step int) string {
	for _, s := range c.Steps[:step+1] {
		for _, a := range s.Do {
			if p, ok := a.(CreatePod); ok && p.AddressOf == key {
				key = p.Key()
			}
		}
	}
	return key
}

// Wants are the verdicts of all cells after step. By a node port a pin holds only where the
// oracle finds it whoever rewrites addresses when; other cells are Undefined.
func (c Case) Wants(step int, families []model.Family) map[Cell]model.Verdict {
	want, fake := map[Cell]model.Verdict{}, c.after(step)
	for _, k := range c.Cells(step, families) {
		want[k] = c.wanted(step, k, fake)
	}
	return want
}

// wanted is the verdict of a cell after a step, in whose state the fake cluster is.
func (c Case) wanted(step int, k Cell, fake *FakeCluster) model.Verdict {
	v := c.Want(step, k)
	if k.Path.ByNode() {
		if d, ok := fake.Verdict(k); !ok || d.Verdict != v {
			return model.Undefined
		}
	}
	return v
}

// Opens reports whether the step opens the flow of that name.
func (c Case) Opens(step int, held string) bool {
	return held != "" && step >= 0 && slices.ContainsFunc(c.Steps[step].Do, func(a Action) bool {
		f, ok := a.(OpenFlow)
		return ok && f.Name == held
	})
}

// Want is the pinned verdict of one cell after step (0 is the first); before the first,
// -1, everything is allowed. It is Undefined, to be observed and never judged, where a line says
// so, for ICMP, for packets in a form that no line denies, for a long-lived flow of an earlier step without a line, for a pod to itself and
// for a node that has no such role in this case. It does not check that the pods exist: see
// Keys. Of node ports see Wants.
func (c Case) Want(step int, k Cell) model.Verdict {
	if k.Client == k.Server || k.Probe.Protocol == ICMP || !c.meet(k.Client, k.Server) {
		return model.Undefined
	}
	if e := c.expectation(step, k); e != nil {
		return e.Verdict
	}
	if k.Probe.Form != "" {
		return model.Undefined
	}
	if k.Held != "" && !c.Opens(step, k.Held) {
		return model.Undefined
	}
	return model.Allow
}

// Never reports whether the cell is pinned as one that no packet may ever pass in the step,
// from the first instant of the pod on that the step creates.
func (c Case) Never(step int, k Cell) bool {
	e := c.expectation(step, k)
	return e != nil && e.Never && c.Want(step, k) == model.Deny
}

// Asks reports whether a line of the step asks what becomes of the cell, whatever that is.
func (c Case) Asks(step int, k Cell) bool {
	e := c.expectation(step, k)
	return e != nil && e.Verdict == model.Undefined
}

// expectation is the line that counts for the cell, nil when there is none.
func (c Case) expectation(step int, k Cell) *Expect {
	if step < 0 {
		return nil
	}
	for _, e := range slices.Backward(c.Steps[step].Expect) {
		if e.matches(k) {
			return &e
		}
	}
	return nil
}

// has reports whether an endpoint has an address of the family: a host outside of the cluster
// has one address, and some pods have one.
func (p *FakeCluster) has(key string, f model.Family) bool { return f.First(p.PodIPs(key)).IsValid() }

// endpoints are the keys of all pods after a step, of the nodes if they play a role, and of
// hosts outside.
func (c Case) endpoints(fake *FakeCluster) []string {
	keys := fake.keys()
	if c.Alone {
		keys = slices.DeleteFunc(keys, func(key string) bool {
			return slices.ContainsFunc(FixturePods(), func(p Pod) bool { return p.Key() == key })
		})
	}
	if len(c.Nodes) > 0 {
		for n := 1; n <= FixtureNodes; n++ {
			keys = append(keys, NodeKey(n))
		}
	}
	for _, addr := range c.World {
		keys = append(keys, WorldKey(addr))
	}
	return keys
}

// meet reports whether the case looks at this pair at all.
func (c Case) meet(client, server string) bool {
	return (IsPodKey(client) || IsPodKey(server)) && c.plays(client, NodeClient) && c.plays(server, NodeServer)
}

// plays reports whether the case says anything about key in this role.
func (c Case) plays(key string, role NodeRole) bool {
	return !IsNodeKey(key) || slices.Contains(c.Nodes, role)
}

// kinds are all kinds of cells.
func (c Case) kinds() []Kind {
	var all []Kind
	for _, path := range c.Paths {
		for _, p := range c.Probes {
			all = append(all, Kind{p, path})
		}
	}
	return all
}

// Makes reports whether the case makes a pod that is so.
func (c Case) Makes(is func(Pod) bool) bool {
	return does(c, func(a CreatePod) bool { return is(a.Pod) })
}

// does reports whether the case does something of that kind that is so.
func does[A Action](c Case, is func(A) bool) bool {
	return slices.ContainsFunc(c.Steps, func(s Step) bool {
		return slices.ContainsFunc(s.Do, func(a Action) bool {
			of, ok := a.(A)
			return ok && is(of)
		})
	})
}
