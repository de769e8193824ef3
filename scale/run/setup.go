package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/scale/load"
)

// setUp makes the pods that are watched, and wires what counts beside them.
type setUp struct {
	*traffic
	births *births
	life   context.Context // of the puppets' node
}

func (p setUp) Execute(ctx context.Context) error {
	if err := p.createPods(ctx); err != nil {
		return err
	}
	if p.guest != nil {
		return nil
	}
	if p.births.pool != nil {
		node, err := p.nodeObject(ctx, 0)
		if err != nil {
			return err
		}
		if err := p.births.openTap(ctx, node.PodCIDRs); err != nil {
			return err
		}
	}
	return p.wirePuppets(ctx)
}

// createPods makes the namespaces and pods and starts their probers.
func (p setUp) createPods(ctx context.Context) error {
	for _, name := range p.spaces() {
		if err := p.makeSpace(ctx, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.space(name)}}); err != nil {
			return err
		}
	}
	return p.bring(ctx, slices.Sorted(maps.Keys(p.places())))
}

// wirePuppets routes the puppets' addresses to the second node, which hands them to far.
func (p setUp) wirePuppets(ctx context.Context) error {
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: puppetNode, Labels: map[string]string{load.Hollow: "true"}}}
	node.Spec.Taints = []corev1.Taint{{Key: load.Hollow, Value: "true", Effect: corev1.TaintEffectNoSchedule}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "Hollow"}}
	if err := p.writer.Nodes(ctx, []corev1.Node{node}); err != nil {
		return err
	}
	go p.writer.KeepLeases(p.life, []corev1.Node{node}, p.timing.Lease)
	remote, err := p.nodeObject(ctx, 1)
	if err != nil {
		return fmt.Errorf("wire puppets: %w", err)
	}
	for i := range maxPuppets {
		for _, ip := range p.measured(puppetIPs(i)) {
			if err := p.wire(ctx, ip, model.FamilyOf(ip).First(remote.IPs), model.FamilyOf(ip).First(p.pods[far].Addrs)); err != nil {
				return fmt.Errorf("wire puppets: %w", err)
			}
		}
	}
	return nil
}

// wire leads packets for an address to the other node, and there to another address.
func (p setUp) wire(ctx context.Context, ip, via, to netip.Addr) error {
	family, nat := "-4", "iptables"
	if ip.Is6() {
		family, nat = "-6", "ip6tables"
	}
	remote := p.machines[1]
	return errors.Join(
		p.node.Run(ctx, "", "ip", family, "route", "replace", netip.PrefixFrom(ip, ip.BitLen()).String(), "via", via.String()),
		remote.Run(ctx, "", nat, "-w", "5", "-t", "nat", "-I", "PREROUTING", "-d", ip.String(), "-j", "DNAT", "--to-destination", to.String()),
	)
}

// nodeObject is node i as the API server has it.
func (p setUp) nodeObject(ctx context.Context, i int) (model.Node, error) {
	n, err := p.client.CoreV1().Nodes().Get(ctx, p.nodes[i], metav1.GetOptions{})
	if err != nil {
		return model.Node{}, err
	}
	return model.NodeFromAPI(n), nil
}
