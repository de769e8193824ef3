package fuzz

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/oracle"
)

// pinned is a cell, its flow in the fake cluster, and what the oracle wants of it.
type pinned struct {
	cell   cases.Cell
	flow   model.Flow
	want   model.Verdict
	reason string
}

// judged are cells as the oracle wants them, in a cluster that is in their state, without those
// from a pod to itself. The error says that one of them is not defined.
func judged(cells []cases.Cell, cluster *cases.FakeCluster) ([]pinned, error) {
	var all []pinned
	for _, k := range cells {
		flow, ok := k.Flow(cluster)
		if !ok || k.Client == k.Server {
			continue
		}
		got := oracle.Evaluate(cluster.Snapshot, flow)
		if got.Verdict == model.Undefined {
			return nil, fmt.Errorf("%s -> %s: %s", k.Client, k.Server, got.Reason)
		}
		all = append(all, pinned{k, flow, got.Verdict, got.Reason})
	}
	return all, nil
}

// pin gives every step of a case the oracle's expectations. The error says that the case can't
// be played, or asks what is not defined.
func pin(c cases.Case) (cases.Case, error) {
	c.Steps = slices.Clone(c.Steps)
	w := fixture()
	for i := range c.Steps {
		var err error
		if w, err = w.after(c.Steps[i].Do); err != nil {
			return c, err
		}
		cells, err := judged(c.Cells(i, w.cluster.Families()), &w.cluster)
		if err != nil {
			return c, err
		}
		c.Steps[i].Expect = pins(cells)
	}
	describe(&c)
	return c, nil
}

// line is what is denied, but for the server.
type line struct {
	clients, probes string // joined; no probes are all
	family          model.Family
}

// pins are the expectations that deny what is denied among these cells: few lines, each of
// which denies the same of several servers.
func pins(cells []pinned) []cases.Expect {
	servers := map[line][]cases.Pattern{}
	for server, mine := range grouped(cells, func(p pinned) string { return p.cell.Server }) {
		for _, l := range lines(mine) {
			servers[l] = append(servers[l], pattern(server))
		}
	}
	var out []cases.Expect
	for l, s := range servers {
		slices.Sort(s)
		out = append(out, l.expect(s))
	}
	slices.SortFunc(out, func(a, b cases.Expect) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// lines are those of one server.
func lines(cells []pinned) []line {
	families := map[line][]model.Family{}
	for family, mine := range grouped(cells, func(p pinned) model.Family { return p.cell.Family }) {
		byProbe := grouped(mine, func(p pinned) string { return p.cell.Probe.String() })
		probes := map[string][]string{}
		for probe, kind := range byProbe {
			if clients := denied(kind); clients != "" {
				probes[clients] = append(probes[clients], probe)
			}
		}
		for clients, p := range probes {
			l := line{clients: clients}
			if len(p) < len(byProbe) {
				slices.Sort(p)
				l.probes = strings.Join(p, ",")
			}
			families[l] = append(families[l], family)
		}
	}
	var out []line
	for l, f := range families {
		if len(f) == 1 {
			l.family = f[0]
		}
		out = append(out, l)
	}
	return out
}

// denied are the clients that are denied among cells of one kind, joined.
func denied(kind []pinned) string {
	var clients []string
	for _, p := range kind {
		if p.want == model.Deny {
			clients = append(clients, string(pattern(p.cell.Client)))
		}
	}
	if len(clients) == len(kind) {
		return "*"
	}
	return strings.Join(clients, ",")
}

func (l line) expect(servers []cases.Pattern) cases.Expect {
	e := cases.Expect{Servers: servers, Verdict: model.Deny}
	for c := range strings.SplitSeq(l.clients, ",") {
		e.Clients = append(e.Clients, cases.Pattern(c))
	}
	for _, p := range probed() {
		if slices.Contains(strings.Split(l.probes, ","), p.String()) {
			e.Ports = append(e.Ports, cases.PortPattern{Port: p.Port, Protocol: p.Protocol})
		}
	}
	if l.family != "" {
		e.Families = []model.Family{l.family}
	}
	return e
}

func grouped[K comparable](cells []pinned, by func(pinned) K) map[K][]pinned {
	groups := map[K][]pinned{}
	for _, p := range cells {
		groups[by(p)] = append(groups[by(p)], p)
	}
	return groups
}

// pattern is the one for a single endpoint: "x/a", "node1".
func pattern(key string) cases.Pattern {
	if cases.IsNodeKey(key) {
		key = strings.Replace(key, "/", "", 1)
	}
	return cases.Pattern(key)
}
