package assert

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// cell is one flow and the line that says what is expected of it.
type cell struct {
	client, server endpoint
	flow           model.Flow
	line           int // of the plan's expectations
}

func (c *cell) key() string {
	return fmt.Sprint(c.client.key, " ", c.server.key, " ", c.flow)
}

// Plan is which flows are asked about, and what is expected of each.
type Plan struct {
	expectations []Expectation
	cells        []cell
	inv          *inventory.Inventory
	lens         *lens
}

// Flows is how many flows are asked about.
func (p *Plan) Flows() int { return len(p.cells) }

// NewPlan finds the flows that lines stand for. An error is one line for each expectation that
// names nobody, asks nothing, or is overruled whole by later ones.
func NewPlan(inv *inventory.Inventory, expectations []Expectation) (*Plan, error) {
	p := &Plan{expectations: expectations, inv: inv}
	r := newResolver(inv)
	p.lens = r.lens
	owner := map[string]int{} // place of a flow's cell
	var wrong wrongs
	for i := range expectations {
		cells, err := r.cells(&expectations[i], i)
		if err != nil {
			wrong.add(&expectations[i], err)
		}
		for _, c := range cells {
			if at, ok := owner[c.key()]; ok {
				p.cells[at] = c
				continue
			}
			owner[c.key()] = len(p.cells)
			p.cells = append(p.cells, c)
		}
	}
	if len(wrong) == 0 {
		p.overruled(&wrong)
	}
	return p, wrong.err()
}

// overruled notes lines of which nothing is left.
func (p *Plan) overruled(wrong *wrongs) {
	left := map[int]bool{}
	for i := range p.cells {
		left[p.cells[i].line] = true
	}
	for i := range p.expectations {
		if !left[i] {
			wrong.add(&p.expectations[i], fmt.Errorf("later lines say something of all its flows: remove %q, or move it below them", p.expectations[i].Text))
		}
	}
}

// cells are the flows of one line.
func (r *resolver) cells(e *Expectation, line int) (all []cell, err error) {
	clients, err := r.resolve(e.Clients)
	if err != nil {
		return nil, err
	}
	servers, err := r.resolve(e.Servers)
	if err != nil {
		return nil, err
	}
	if allPods := slices.ContainsFunc(clients, isPod) || slices.ContainsFunc(servers, isPod); !allPods {
		return nil, fmt.Errorf("no pod is at either end of %q: policies are about pods", e.Text)
	}
	for _, server := range servers {
		for _, client := range clients {
			ports, err := r.ports(e, client, server)
			if err != nil {
				return nil, err
			}
			for _, f := range flowsBetween(e, client, server, ports) {
				all = append(all, cell{client, server, f, line})
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%q stands for no flow: both ends are one pod, or have no family in common", e.Text)
	}
	return all, nil
}

func isPod(e endpoint) bool { return e.pod != nil }

func flowsBetween(e *Expectation, client, server endpoint, ports []Port) (all []model.Flow) {
	if client.key == server.key || client.pod == nil && server.pod == nil {
		return nil
	}
	for _, f := range model.Dual.List() {
		from, to := f.First(client.addrs), f.First(server.addrs)
		if !from.IsValid() || !to.IsValid() || len(e.Families) > 0 && !slices.Contains(e.Families, f) {
			continue
		}
		for _, p := range ports {
			all = append(all, model.Flow{Client: from, Server: to, Protocol: p.Protocol, Port: p.Number})
		}
	}
	return all
}

// ports are the numbers that a line stands for between two ends. Without any, allow stands for what the
// server declares, and deny for everything: what it declares, what policies name, and a port of
// each protocol that nobody names.
func (r *resolver) ports(e *Expectation, client, server endpoint) ([]Port, error) {
	declared := declaredPorts(server.pod)
	every := func() []Port { return slices.Concat(declared, r.portsOf(client, server), others()) }
	var all []Port
	for _, p := range e.Ports {
		switch {
		case p.Name != "":
			named := slices.DeleteFunc(slices.Clone(declared), func(d Port) bool { return d.Name != p.Name })
			if len(named) == 0 {
				return nil, fmt.Errorf("%s declares no port %q%s", server.key, p.Name, near(p.Name, portNames(declared)))
			}
			all = append(all, named...)
		case p.Number == 0:
			all = append(all, of(p.Protocol, every())...)
		default:
			all = append(all, p)
		}
	}
	switch {
	case len(e.Ports) > 0:
	case e.Verdict == model.Deny:
		all = every()
	case len(declared) > 0:
		all = declared
	default:
		return nil, fmt.Errorf("%s declares no ports: say which are allowed, as in %q", server.key, e.Text+" 443")
	}
	return numbers(all), nil
}

// portsOf are those that policies tell apart between two ends, which hang on their namespaces alone.
func (r *resolver) portsOf(client, server endpoint) []Port {
	key := [2]string{}
	for i, e := range []endpoint{client, server} {
		if e.pod != nil {
			key[i] = e.pod.Namespace
		}
	}
	ports, ok := r.named[key]
	if !ok {
		ports = r.lens.ports(client, server)
		r.named[key] = ports
	}
	return ports
}

// numbers are ports without names, sorted, each once.
func numbers(ports []Port) []Port {
	var all []Port
	for _, p := range ports {
		all = append(all, Port{Number: p.Number, Protocol: p.Protocol})
	}
	slices.SortFunc(all, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
	})
	return slices.Compact(all)
}

func of(protocol corev1.Protocol, ports []Port) []Port {
	return slices.DeleteFunc(ports, func(p Port) bool { return p.Protocol != protocol })
}

func declaredPorts(pod *model.Pod) (all []Port) {
	if pod == nil {
		return nil
	}
	for _, p := range pod.Ports {
		all = append(all, Port{Number: p.Number, Name: p.Name, Protocol: p.Protocol})
	}
	return all
}

func portNames(ports []Port) (names []string) {
	for _, p := range ports {
		names = append(names, p.Name)
	}
	return names
}

// nobodys is a port that policies do not name, unless by accident.
const nobodys = 47001

// others are ports that nobody names, of each protocol.
func others() []Port {
	return []Port{{Number: nobodys, Protocol: corev1.ProtocolTCP}, {Number: nobodys, Protocol: corev1.ProtocolUDP}}
}

// PolicyPorts are the numbers at which policies tell ports apart: those that they name, both ends
// of ranges, and what is just outside of these. Each once, sorted.
func PolicyPorts(policies []*netv1.NetworkPolicy) []Port {
	var all []Port
	for _, p := range policies {
		for _, r := range p.Spec.Ingress {
			all = append(all, edges(r.Ports)...)
		}
		for _, r := range p.Spec.Egress {
			all = append(all, edges(r.Ports)...)
		}
	}
	return numbers(all)
}

// edges are those of the ports of a rule.
func edges(list []netv1.NetworkPolicyPort) (all []Port) {
	for _, p := range list {
		if p.Port == nil || p.Port.Type == intstr.String {
			continue
		}
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		ends := []int32{p.Port.IntVal}
		if p.EndPort != nil {
			ends = append(ends, *p.EndPort, p.Port.IntVal-1, *p.EndPort+1)
		}
		for _, n := range ends {
			if 0 < n && n <= 65535 {
				all = append(all, Port{Number: uint16(n), Protocol: protocol})
			}
		}
	}
	return all
}
