package fuzz

import (
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/suites/cases"
)

// The labels that selectors are about. Values are one another's beginnings, differ in case
// only, and are empty. Nothing has the key none; pod, ns and the name are as the fixture has them.
var (
	podLabels       = []gen.Label{pod, pod, {Key: "app", Values: values}, {Key: "app", Values: values}, {Key: "App", Values: values}, none}
	namespaceLabels = []gen.Label{ns, ns, {Key: "team", Values: values}, {Key: "team", Values: values}, {Key: "Team", Values: values}, name, none}

	pod    = gen.Label{Key: "pod", Values: []string{"a", "b", "c", "d"}}
	ns     = gen.Label{Key: "ns", Values: []string{"x", "y", "z", "w"}}
	name   = gen.Label{Key: corev1.LabelMetadataName, Values: []string{"${ns:x}", "${ns:y}", "${ns:z}"}}
	none   = gen.Label{Key: "none", Values: values}
	values = []string{"a", "a", "A", "ab", ""}
)

// free are the keys, among the words of selectors, that come and go.
func free(words []gen.Label) []gen.Label { return words[3:5] }

// Keys are those of all labels that selectors of drawn policies are about.
func Keys() []string {
	var keys []string
	for _, l := range slices.Concat(podLabels, namespaceLabels) {
		keys = append(keys, l.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// The ports of policies lie on, and next to, those that are probed.
var (
	portNumbers = []uint16{80, 80, 80, 81, 81, 79, 82, 8080, 8079, 1, 65535}
	portNames   = []string{"serve-80-tcp", "serve-80-tcp", "serve-81-tcp", "serve-80-udp", "serve-81-udp", "serve-80-sctp", "agnhost", "web", "nobody"}
)

// probed are the ports that the fixture's pods serve.
func probed() []cases.Probe {
	var out []cases.Probe
	for _, p := range cases.DefaultPorts() {
		out = append(out, cases.Probe{Port: p.Number, Protocol: p.Protocol})
	}
	return out
}

// declared are what a new pod may declare: names that stand for other numbers than elsewhere.
func declared(r *rand.Rand) []model.Port {
	return gen.Pick(r, cases.DefaultPorts(), cases.DefaultPorts(), []model.Port{
		{Name: "serve-80-tcp", Number: 81, Protocol: corev1.ProtocolTCP},
		{Name: "serve-80-udp", Number: 80, Protocol: corev1.ProtocolTCP},
		{Name: "web", Number: 80, Protocol: corev1.ProtocolUDP},
	}, []model.Port{{Name: "web", Number: 80, Protocol: corev1.ProtocolTCP}})
}

// prefixes are lengths of blocks around an address, IPv4 and IPv6.
var prefixes = []string{"/31/127", "/30/126", "/29/125", "/24/64", "/16/48"}

// block draws an ipBlock around pods that there are. Its excepts lie strictly inside of it, as
// the API server demands.
func (d *draft) block() *netv1.IPBlock {
	single := func() string { return "${pod:" + gen.Pick(d, d.addressed()...) + "}" }
	b := &netv1.IPBlock{}
	switch {
	case d.Chance(40):
		b.CIDR = "${any}"
	case d.Chance(20): // of one family: a placeholder among its excepts would have none in the other
		b.CIDR = gen.Pick(d, "0.0.0.0/0", "::/0", "203.0.113.0/24", "2001:db8::/32")
		return b
	case d.prefixes && d.Chance(70):
		key := gen.Pick(d, d.addressed()...)
		b.CIDR = fmt.Sprintf("${pod:%s%s}", key, gen.Pick(d, prefixes...))
		if d.Chance(50) {
			b.Except = []string{"${pod:" + key + "}"}
		}
		return b
	default:
		b.CIDR = single()
		return b
	}
	for range gen.Pick(d, 0, 1, 2, 3) {
		except := single()
		if d.prefixes && d.Chance(25) {
			except = except[:len(except)-1] + gen.Pick(d, prefixes...) + "}"
		}
		if !slices.Contains(b.Except, except) {
			b.Except = append(b.Except, except)
		}
	}
	return b
}

// addressed are the keys of those that blocks may be about.
func (d *draft) addressed() []string {
	keys := slices.Clone(d.world.keys())
	if len(d.c.Nodes) > 0 {
		for n := 1; n <= cases.FixtureNodes; n++ {
			keys = append(keys, cases.NodeKey(n))
		}
	}
	return keys
}

// Widest is a case that needs all that drawn ones can: for whoever must make ready for them.
func Widest() cases.Case {
	return cases.Case{
		Name: "fuzz", Probes: probed(), Paths: []cases.Path{cases.PathPod},
		Nodes: []cases.NodeRole{cases.NodeClient, cases.NodeServer}, Steps: []cases.Step{{Name: "nothing"}},
	}
}
