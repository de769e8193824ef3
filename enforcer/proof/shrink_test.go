package proof

import (
	"slices"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
)

// shrink takes pieces away from a snapshot for as long as oracle and tracer go on
// disagreeing about the flow.
func shrink(d disagreement) disagreement {
	for {
		smaller, ok := shrinkOnce(d)
		if !ok {
			return d
		}
		d = smaller
	}
}

func shrinkOnce(d disagreement) (disagreement, bool) {
	for _, s := range smallerSnapshots(d.snapshot) {
		if still, err := check(s, []model.Flow{d.flow}, d.mutate, nil); err == nil && still != nil {
			return *still, true
		}
	}
	return d, false
}

// smallerSnapshots are all snapshots with one piece less.
func smallerSnapshots(s model.Snapshot) []model.Snapshot {
	var out []model.Snapshot
	for i := range s.Policies {
		c := s
		c.Policies = slices.Delete(slices.Clone(s.Policies), i, i+1)
		out = append(out, c)
	}
	for i := range s.Pods {
		c := s
		c.Pods = slices.Delete(slices.Clone(s.Pods), i, i+1)
		out = append(out, c)
	}
	for i, p := range s.Policies {
		for _, smaller := range smallerPolicies(p) {
			c := s
			c.Policies = slices.Clone(s.Policies)
			c.Policies[i] = smaller
			out = append(out, c)
		}
	}
	return out
}

func smallerPolicies(p *netv1.NetworkPolicy) []*netv1.NetworkPolicy {
	var out []*netv1.NetworkPolicy
	keep := func(edit func(*netv1.NetworkPolicySpec)) {
		c := p.DeepCopy()
		edit(&c.Spec)
		out = append(out, c)
	}
	for i := range p.Spec.Ingress {
		keep(func(s *netv1.NetworkPolicySpec) { s.Ingress = slices.Delete(s.Ingress, i, i+1) })
		for j := range p.Spec.Ingress[i].From {
			keep(func(s *netv1.NetworkPolicySpec) { s.Ingress[i].From = slices.Delete(s.Ingress[i].From, j, j+1) })
		}
		for j := range p.Spec.Ingress[i].Ports {
			keep(func(s *netv1.NetworkPolicySpec) { s.Ingress[i].Ports = slices.Delete(s.Ingress[i].Ports, j, j+1) })
		}
	}
	for i := range p.Spec.Egress {
		keep(func(s *netv1.NetworkPolicySpec) { s.Egress = slices.Delete(s.Egress, i, i+1) })
		for j := range p.Spec.Egress[i].To {
			keep(func(s *netv1.NetworkPolicySpec) { s.Egress[i].To = slices.Delete(s.Egress[i].To, j, j+1) })
		}
		for j := range p.Spec.Egress[i].Ports {
			keep(func(s *netv1.NetworkPolicySpec) { s.Egress[i].Ports = slices.Delete(s.Egress[i].Ports, j, j+1) })
		}
	}
	return out
}
