package cases

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// Form is how the packets of a probe differ from what any program sends: "options", "fragments",
// "nd", or "as:" and whose addresses they claim to come from. "" is not at all.
type Form string

// The forms besides those of sources that are not the client's.
const (
	Options   Form = "options"   // of IPv4; hop-by-hop and destination options of IPv6
	Fragments Form = "fragments" // two
	ND        Form = "nd"        // a neighbour solicitation with a payload; of ICMP
	// LinkLocal goes to the node's link-local address on the client's link; to its own node, in IPv6.
	LinkLocal Form = "link-local"
)

// asPrefix begins a form with a source that is not the client's.
const asPrefix = "as:"

// Nobody is who has none of the addresses in a cluster.
const Nobody = "nobody"

var formSyntax = regexp.MustCompile(`^(options|fragments|nd|link-local|as:(nobody|node[1-9]|[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*))$`)

// parseForm reads the form of a probe of a protocol.
func parseForm(s string, protocol corev1.Protocol) (Form, error) {
	f := Form(s)
	switch {
	case !formSyntax.MatchString(s):
		return "", fmt.Errorf("%q is no form of a packet; valid are options, fragments, link-local, nd, as:nobody, as:x/a, as:node1", s)
	case (f == ND) != (protocol == ICMP) || protocol == corev1.ProtocolSCTP || protocol == "":
		return "", fmt.Errorf("%q: TCP and UDP have the forms options, fragments, link-local and as:, ICMP has nd", s)
	}
	return f, nil
}

// Claims is the key of the endpoint whose address the packets claim to come from: Nobody's, or one
// that Binding knows; "" where they don't lie.
func (f Form) Claims() string {
	who, ok := strings.CutPrefix(string(f), asPrefix)
	if node, is := strings.CutPrefix(who, "node"); ok && is && !strings.Contains(who, "/") {
		return nodePrefix + node
	}
	if !ok {
		return ""
	}
	return who
}

// In reports whether a family has such packets.
func (f Form) In(family model.Family) bool { return f != ND && f != LinkLocal || family == model.IPv6 }

// nobodys are addresses that nobody has, of those set aside for documentation.
var nobodys = []netip.Addr{netip.MustParseAddr("203.0.113.250"), netip.MustParseAddr("2001:db8:ffff::fa")}

// Claimed is the address of a family that packets of the form claim to come from, as podIPs knows
// them. It is not valid when they don't lie, and when there is none.
func (f Form) Claimed(family model.Family, podIPs func(key string) []netip.Addr) netip.Addr {
	switch who := f.Claims(); who {
	case "":
		return netip.Addr{}
	case Nobody:
		return family.First(nobodys)
	default:
		return family.First(podIPs(who))
	}
}

// Plain is the probe as any program makes it.
func (p Probe) Plain() Probe {
	p.Form = ""
	return p
}

// formed are the cells of packets in other forms. They are those that the lines of a step name,
// and are of this step alone: no other path leads there, and no other cell must be as these.
func (c Case) formed(fake *FakeCluster, step int, families []model.Family) []Cell {
	var all []Cell
	for _, kind := range c.forms(step) {
		for _, client := range fake.keys() {
			for _, server := range c.endpoints(fake) {
				for _, f := range families {
					k := Cell{Client: client, Server: server, Family: f, Kind: kind}
					if c.expectation(step, k) != nil && c.mayForm(fake, k) {
						all = append(all, k)
					}
				}
			}
		}
	}
	return all
}

// forms are the kinds of cells in other forms that a step names.
func (c Case) forms(step int) []Kind {
	var all []Kind
	if step < 0 {
		return nil
	}
	for _, e := range c.Steps[step].Expect {
		for _, pp := range e.Ports {
			kind := Kind{Probe{Port: pp.Port, Protocol: pp.Protocol, Form: pp.Form}, PathPod}
			if pp.Form != "" && !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	return all
}

// mayForm reports whether there can be such a cell, whose client is a pod.
func (c Case) mayForm(fake *FakeCluster, k Cell) bool {
	form := k.Probe.Form
	return k.Client != k.Server && c.meet(k.Client, k.Server) && fake.leads(k.Client, k.Server, k.Kind) &&
		fake.has(k.Client, k.Family) && fake.has(k.Server, k.Family) && form.In(k.Family) && form.Claims() != k.Server &&
		form.Claimed(k.Family, fake.PodIPs).IsValid() == (form.Claims() != "") &&
		(form != LinkLocal || IsNodeKey(k.Server) && fake.nodeOf(k.Client) == fake.nodeOf(k.Server))
}
