package shadow

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/matrix"
)

// unit is what is drawn: two pods between which some flow has the verdict.
type unit struct {
	client, server int
	ranges         []ranged // that have it
}

// ranged is ports of one family with one verdict.
type ranged struct {
	family model.Family
	matrix.Range
}

// verdicts are those that the specification gives.
func verdicts() []model.Verdict { return []model.Verdict{model.Allow, model.Deny} }

// draw takes as many pairs of each verdict as there is room for, each without regard to what it is,
// and of each one flow; what room is left then goes to more flows of pairs that were drawn.
func (p *planner) draw() {
	units := p.units()
	room := shares(p.MaxFlows, len(units[model.Allow]), len(units[model.Deny]))
	var again []unit
	var of []model.Verdict
	for i, verdict := range verdicts() {
		all := units[verdict]
		p.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		p.plan.Strata = append(p.plan.Strata, Stratum{verdict, len(all), room[i]})
		for _, u := range all[:room[i]] {
			p.ask(u, verdict, false)
			again, of = append(again, u), append(of, verdict)
		}
	}
	for _, i := range p.rng.Perm(len(again)) {
		if len(p.plan.Flows) < p.MaxFlows {
			p.ask(again[i], of[i], true)
		}
	}
	slices.SortStableFunc(p.plan.Flows, func(a, b Flow) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
	})
}

// shares divides room between two: half each, and what one does not need is the other's.
func shares(room, a, b int) [2]int {
	first := min(a, max(room-room/2, room-b))
	return [2]int{first, min(b, room-first)}
}

// units are all that can be drawn, by verdict.
func (p *planner) units() map[model.Verdict][]unit {
	out := map[model.Verdict][]unit{}
	for i := range p.plan.Pods {
		for j := range p.plan.Pods {
			if !p.meet(i, j) {
				continue
			}
			by := p.ranges(i, j)
			for _, verdict := range verdicts() {
				if len(by[verdict]) > 0 {
					out[verdict] = append(out[verdict], unit{i, j, by[verdict]})
				}
			}
		}
	}
	return out
}

// ranges are the ports between two pods that a probe pod can be asked about, by verdict.
func (p *planner) ranges(client, server int) map[model.Verdict][]ranged {
	by := map[model.Verdict][]ranged{}
	for _, f := range p.m.Families {
		for _, r := range p.m.Flows(p.plan.Pods[client].class, p.plan.Pods[server].class, f) {
			if r.Protocol != corev1.ProtocolSCTP {
				by[r.Verdict] = append(by[r.Verdict], ranged{f, r})
			}
		}
	}
	return by
}

// meet reports whether two pods are a pair: of two classes the first of each, of one class the
// first and the second.
func (p *planner) meet(i, j int) bool {
	a, b := &p.plan.Pods[i], &p.plan.Pods[j]
	if a.class == b.class {
		return a.member == 0 && b.member == 1
	}
	return a.member == 0 && b.member == 0
}

// ask adds a flow of the unit that is not asked about yet, if one is found.
func (p *planner) ask(u unit, verdict model.Verdict, more bool) {
	r := u.ranges[p.rng.IntN(len(u.ranges))]
	f := Flow{Client: u.client, Server: u.server, Family: r.family, Port: p.port(u.server, r), Verdict: verdict, More: more}
	if slices.ContainsFunc(p.plan.Flows, func(have Flow) bool {
		return have.Client == f.Client && have.Server == f.Server && have.Family == f.Family && have.Port == f.Port
	}) {
		return
	}
	egress, ingress, ok := p.m.Ask(matrix.Flow{From: p.plan.Pods[u.client].class, To: p.plan.Pods[u.server].class, Family: r.family, Protocol: r.Protocol, Port: f.Number})
	if !ok {
		return
	}
	f.Egress, f.Ingress = egress.Reason, ingress.Reason
	p.plan.Flows = append(p.plan.Flows, f)
}

// port is one that the server declares, where one is in the range, or else one at an edge of the
// range or in it.
func (p *planner) port(server int, r ranged) Port {
	var declared []uint16
	for _, d := range p.plan.Pods[server].Ports {
		if d.Protocol == r.Protocol && r.First <= d.Number && d.Number <= r.Last {
			declared = append(declared, d.Number)
		}
	}
	if len(declared) > 0 {
		return Port{r.Protocol, declared[p.rng.IntN(len(declared))]}
	}
	inside := r.First + uint16(p.rng.IntN(int(r.Last-r.First)+1))
	return Port{r.Protocol, []uint16{r.First, r.Last, inside}[p.rng.IntN(3)]}
}

// listen has each pod listen on what it declares and what is asked of it, and on a port of TCP in
// any case, by which it shows that it is there.
func (p *planner) listen() {
	for i := range p.plan.Pods {
		pod := &p.plan.Pods[i]
		ports := map[Port]bool{}
		for _, d := range pod.Ports {
			if d.Protocol != corev1.ProtocolSCTP {
				ports[Port{d.Protocol, d.Number}] = true
			}
		}
		for _, f := range p.plan.Flows {
			if f.Server == i {
				ports[f.Port] = true
			}
		}
		pod.Listen = sorted(ports)
		if pod.Listen == nil || pod.Listen[0].Protocol != corev1.ProtocolTCP {
			pod.Listen = slices.Insert(pod.Listen, 0, Port{corev1.ProtocolTCP, 80})
		}
	}
}

func sorted(ports map[Port]bool) []Port {
	var out []Port
	for port := range ports {
		out = append(out, port)
	}
	slices.SortFunc(out, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
	})
	return out
}
