package simnet

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// Network is a cluster of simulated nodes.
type Network struct {
	nodes map[string]*iptsim.Machine
	owner map[netip.Addr]owner
}

// owner is who has an address.
type owner struct {
	node string
	pod  bool // a pod's own address, not its node's
}

// Text is what a node's kernel is told: input of ipset restore, and of iptables-restore per
// family.
type Text struct{ Sets, Rules4, Rules6 string }

// Render gives the whole text of a plan.
func Render(p plan.Plan) (Text, error) {
	var sets, r4, r6 bytes.Buffer
	err := errors.Join(
		render.Sets(&sets, p.IPv4.Sets), render.Sets(&sets, p.IPv6.Sets),
		render.Rules(&r4, render.Full(p.IPv4)), render.Rules(&r6, render.Full(p.IPv6)),
	)
	return Text{sets.String(), r4.String(), r6.String()}, err
}

// Load gives a machine that has read the text.
func Load(t Text) (*iptsim.Machine, error) {
	m := iptsim.New()
	return m, errors.Join(
		m.RestoreSets(strings.NewReader(t.Sets), false),
		m.RestoreRules(iptsim.IPv4, strings.NewReader(t.Rules4)),
		m.RestoreRules(iptsim.IPv6, strings.NewReader(t.Rules6)),
	)
}

// LinkOf is the name of the interface that leads to an address, as all do to one each.
func LinkOf(ip netip.Addr) string { return fmt.Sprintf("v%x", crc32.ChecksumIEEE(ip.AsSlice())) }

// Links are the interfaces of a node's pods.
func Links(s model.Snapshot, node string) map[netip.Addr]string {
	links := map[netip.Addr]string{}
	for _, p := range s.Pods {
		for _, ip := range p.IPs {
			if p.Node == node && !p.HostNetwork {
				links[ip] = LinkOf(ip)
			}
		}
	}
	return links
}

// Build compiles, renders and loads every node. mutate, if given, changes the text.
func Build(s model.Snapshot, mutate func(Text) Text) (*Network, error) {
	return New(s, func(node string) (*iptsim.Machine, error) {
		t, err := Render(plan.CompileWith(s, plan.Options{Node: node, Existing: plan.Keep, Links: Links(s, node)}))
		if err != nil {
			return nil, err
		}
		if mutate != nil {
			t = mutate(t)
		}
		return Load(t)
	})
}

// New is a network of the snapshot's nodes and addresses, with machines made by others.
func New(s model.Snapshot, machine func(node string) (*iptsim.Machine, error)) (*Network, error) {
	n := &Network{nodes: map[string]*iptsim.Machine{}, owner: map[netip.Addr]owner{}}
	for _, node := range s.Nodes {
		var err error
		if n.nodes[node.Name], err = machine(node.Name); err != nil {
			return nil, fmt.Errorf("node %s: %w", node.Name, err)
		}
		for _, ip := range node.IPs {
			n.owner[ip] = owner{node: node.Name}
		}
	}
	for _, p := range s.Pods {
		for _, ip := range p.IPs {
			if !p.HostNetwork {
				n.owner[ip] = owner{node: p.Node, pod: true}
			}
		}
	}
	return n, nil
}

// hop is one hook of one node that a packet passes.
type hop struct{ node, hook string }

// route says which hooks a flow's first packet meets: PREROUTING and FORWARD where the
// client's pod lives (INPUT, if it calls its own node), then FORWARD where the server's pod
// lives, unless that is the same pass, or the client is that node itself, which sends by
// OUTPUT.
func (n *Network) route(f model.Flow) []hop {
	c, s := n.owner[f.Client], n.owner[f.Server]
	var hops []hop
	if c.pod {
		hook := "FORWARD"
		if !s.pod && s.node == c.node {
			hook = "INPUT"
		}
		hops = append(hops, hop{c.node, "PREROUTING"}, hop{c.node, hook})
	}
	if s.pod && s.node != c.node {
		hops = append(hops, hop{s.node, "FORWARD"})
	}
	return hops
}

// PacketOf is the first packet of a flow.
func PacketOf(f model.Flow) iptsim.Packet {
	return iptsim.Packet{
		Src: f.Client, Dst: f.Server, SrcPort: 40000, DstPort: f.Port,
		Protocol: strings.ToLower(string(f.Protocol)), State: iptsim.NewFlow,
		In: LinkOf(f.Client), Out: LinkOf(f.Server), Back: LinkOf(f.Client),
	}
}

// Judge walks a flow's first packet through the network. The string tells which rules it
// met.
func (n *Network) Judge(f model.Flow) (model.Verdict, string, error) {
	p := PacketOf(f)
	var log strings.Builder
	for _, h := range n.route(f) {
		trace, err := n.nodes[h.node].Walk(h.hook, p)
		if err != nil {
			return "", "", err
		}
		fmt.Fprintf(&log, "node %s, %s:\n%s\n", h.node, h.hook, trace)
		if trace.Verdict == iptsim.Drop {
			return model.Deny, log.String(), nil
		}
	}
	return model.Allow, log.String(), nil
}
