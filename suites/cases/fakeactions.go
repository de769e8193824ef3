package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

var _ World = (*FakeCluster)(nil)

// ApplyPolicy implements World.
func (p *FakeCluster) ApplyPolicy(_ context.Context, policy *netv1.NetworkPolicy) error {
	if p.namespace(policy.Namespace) < 0 {
		return missing("namespace", policy.Namespace, p.namespaces())
	}
	ref := Ref{policy.Namespace, policy.Name}
	bound, err := BindPolicy(policy, p)
	if err != nil {
		return fmt.Errorf("bind apply %s: %w", ref.Key(), err)
	}
	bound = stored(bound)
	if i := p.policy(ref); i >= 0 {
		p.Snapshot.Policies[i] = bound
	} else {
		p.Snapshot.Policies = append(p.Snapshot.Policies, bound)
	}
	return nil
}

// RefusePolicy implements World. What the API refuses only an API server knows; here the policy
// must be one that could be offered to it.
func (p *FakeCluster) RefusePolicy(_ context.Context, policy *netv1.NetworkPolicy) error {
	if p.namespace(policy.Namespace) < 0 {
		return missing("namespace", policy.Namespace, p.namespaces())
	}
	_, err := BindPolicy(policy, p)
	return err
}

// PatchPolicy implements World.
func (p *FakeCluster) PatchPolicy(_ context.Context, patch PatchPolicy) error {
	bound, err := BindJSON(patch.Merge, p)
	if err != nil {
		return fmt.Errorf("bind %s: %w", patch, err)
	}
	i := p.policy(patch.Ref)
	if i < 0 {
		return missing("policy", patch.Key(), p.policies())
	}
	merged, err := merge(p.Snapshot.Policies[i], bound)
	if err != nil {
		return fmt.Errorf("%s: %w", patch, err)
	}
	p.Snapshot.Policies[i] = stored(merged)
	return nil
}

// stored is a policy as the API server stores it, and engines see it: never without
// policyTypes. An engine that misreads their absence is none that a case could tell.
func stored(p *netv1.NetworkPolicy) *netv1.NetworkPolicy {
	p.Spec.PolicyTypes = oracle.PolicyTypes(&p.Spec)
	return p
}

func merge(policy *netv1.NetworkPolicy, patch json.RawMessage) (*netv1.NetworkPolicy, error) {
	before, err := json.Marshal(policy)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		return nil, err
	}
	var merged netv1.NetworkPolicy
	return &merged, json.Unmarshal(after, &merged)
}

// DeletePolicy implements World.
func (p *FakeCluster) DeletePolicy(_ context.Context, r Ref) error {
	i := p.policy(r)
	if i < 0 {
		return missing("policy", r.Key(), p.policies())
	}
	p.Snapshot.Policies = slices.Delete(p.Snapshot.Policies, i, i+1)
	return nil
}

// OpenFlow implements World.
func (p *FakeCluster) OpenFlow(_ context.Context, f OpenFlow) error {
	for _, end := range []Ref{f.Client, f.Server} {
		if p.pod(end) < 0 {
			return missing("pod", end.Key(), p.keys())
		}
		if p.onHost(end.Key()) {
			return fmt.Errorf("pod %s is in the network of its node; no flow of a case ends there", end.Key())
		}
	}
	if slices.Contains(p.flows, f.Name) {
		return fmt.Errorf("a second flow is called %s; give it another name", f.Name)
	}
	p.flows = append(slices.Clip(p.flows), f.Name)
	return nil
}

// LabelPod implements World.
func (p *FakeCluster) LabelPod(_ context.Context, l LabelPod) error {
	i := p.pod(l.Ref)
	if i < 0 {
		return missing("pod", l.Key(), p.keys())
	}
	pod := &p.Snapshot.Pods[i]
	pod.Labels = relabelled(pod.Labels, l.Labels)
	return nil
}

// LabelNamespace implements World.
func (p *FakeCluster) LabelNamespace(_ context.Context, l LabelNamespace) error {
	i := p.namespace(l.Name)
	if i < 0 {
		return missing("namespace", l.Name, p.namespaces())
	}
	n := &p.Snapshot.Namespaces[i]
	n.Labels = relabelled(n.Labels, l.Labels)
	return nil
}

// relabelled is a copy of labels with the changes made.
func relabelled(labels map[string]string, changes map[string]*string) map[string]string {
	after := maps.Clone(labels)
	if after == nil {
		after = map[string]string{}
	}
	for k, v := range changes {
		if v == nil {
			delete(after, k)
		} else {
			after[k] = *v
		}
	}
	return after
}

// CreatePod implements World. The pod gets the addresses after the highest ones in use on
// its node, so an address that a deleted pod had can come back.
func (p *FakeCluster) CreatePod(_ context.Context, pod Pod) error {
	if p.namespace(pod.Namespace) < 0 {
		return missing("namespace", pod.Namespace, p.namespaces())
	}
	if p.pod(pod.Ref) >= 0 {
		return fmt.Errorf("pod %s exists already", pod.Key())
	}
	if p.ended[pod.Key()].object {
		return fmt.Errorf("pod %s exists still, though it has completed; delete it first", pod.Key())
	}
	ips := p.nextIPs(nodeName(pod.Node))
	switch {
	case pod.HostNetwork:
		ips = p.PodIPs(NodeKey(pod.Node))
	case pod.AddressOf != "":
		var err error
		if ips, err = p.freed(pod); err != nil {
			return err
		}
	}
	ips = slices.DeleteFunc(slices.Clone(ips), func(a netip.Addr) bool { return pod.Family != "" && model.FamilyOf(a) != pod.Family })
	p.bare[pod.Key()] = len(pod.Labels) == 0
	if pod.Lingers {
		p.lingers = append(p.lingers, pod.Ref)
	}
	pod.Namespace = realName(pod.Namespace)
	p.Snapshot.Pods = append(p.Snapshot.Pods, modelPod(pod, ips))
	return nil
}

// freed are the addresses of the pod that the new one asks for.
func (p *FakeCluster) freed(pod Pod) ([]netip.Addr, error) {
	before, ok := p.ended[pod.AddressOf]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s has no address to give to %s; delete or complete it first", pod.AddressOf, pod.Key())
	case before.Node != nodeName(pod.Node):
		return nil, fmt.Errorf("%s was on %s, whose addresses no pod of another node can have", pod.AddressOf, before.Node)
	case slices.ContainsFunc(p.Snapshot.Pods, func(o model.Pod) bool { return slices.Equal(o.IPs, before.IPs) }):
		return nil, fmt.Errorf("another pod has the address of %s already", pod.AddressOf)
	}
	return before.IPs, nil
}

// CompletePod implements World.
func (p *FakeCluster) CompletePod(_ context.Context, r Ref) error {
	if slices.ContainsFunc(FixturePods(), func(o Pod) bool { return o.Ref == r }) || p.onHost(r.Key()) {
		return fmt.Errorf("pod %s runs for ever; complete one that the case creates, with a network of its own", r.Key())
	}
	return p.end(r, true)
}

// end takes a pod's addresses; its object may stay.
func (p *FakeCluster) end(r Ref, object bool) error {
	i := p.pod(r)
	if i < 0 {
		return missing("pod", r.Key(), p.keys())
	}
	p.ended[r.Key()] = endedPod{p.Snapshot.Pods[i], object}
	p.Snapshot.Pods = slices.Delete(p.Snapshot.Pods, i, i+1)
	return nil
}

// nextIPs are the addresses after the highest ones of the pods on a node, per family.
func (p *FakeCluster) nextIPs(node string) []netip.Addr {
	highest := map[model.Family]netip.Addr{}
	for _, pod := range p.Snapshot.Pods {
		if pod.HostNetwork || pod.Node != node {
			continue
		}
		for _, ip := range pod.IPs {
			if f := model.FamilyOf(ip); highest[f].Less(ip) {
				highest[f] = ip
			}
		}
	}
	var ips []netip.Addr
	for _, f := range p.families {
		if ip, ok := highest[f]; ok {
			ips = append(ips, ip.Next())
		}
	}
	return ips
}

// DeletePod implements World.
func (p *FakeCluster) DeletePod(_ context.Context, r Ref) error {
	if before := p.ended[r.Key()]; before.object {
		before.object = false
		p.ended[r.Key()] = before
		return nil
	}
	if at := slices.Index(p.lingers, r); at >= 0 {
		p.lingers = slices.Delete(p.lingers, at, at+1)
		return nil
	}
	return p.end(r, false)
}

// CreateNamespace implements World.
func (p *FakeCluster) CreateNamespace(_ context.Context, n Namespace) error {
	if p.namespace(n.Name) >= 0 {
		return fmt.Errorf("namespace %s exists already", n.Name)
	}
	n.Name = realName(n.Name)
	p.Snapshot.Namespaces = append(p.Snapshot.Namespaces, modelNamespace(n))
	return nil
}

// DeleteNamespace implements World.
func (p *FakeCluster) DeleteNamespace(_ context.Context, name string) error {
	i := p.namespace(name)
	if i < 0 {
		return missing("namespace", name, p.namespaces())
	}
	s, bound := &p.Snapshot, realName(name)
	s.Namespaces = slices.Delete(s.Namespaces, i, i+1)
	s.Pods = slices.DeleteFunc(s.Pods, func(p model.Pod) bool { return p.Namespace == bound })
	s.Policies = slices.DeleteFunc(s.Policies, func(p *netv1.NetworkPolicy) bool { return p.Namespace == bound })
	p.services = slices.DeleteFunc(p.services, func(s Front) bool { return s.Namespace == name })
	return nil
}

// Rounds implements World.
func (p *FakeCluster) Rounds(n int) int { return min(n, enoughRounds) }

// Where an object is in the snapshot, by logical name; -1 when it is not there.

func (p *FakeCluster) namespace(logical string) int {
	return slices.IndexFunc(p.Snapshot.Namespaces, func(n model.Namespace) bool { return n.Name == realName(logical) })
}

func (p *FakeCluster) pod(r Ref) int { return p.bound(Ref{realName(r.Namespace), r.Name}) }

func (p *FakeCluster) bound(r Ref) int {
	return slices.IndexFunc(p.Snapshot.Pods, func(o model.Pod) bool { return o.Namespace == r.Namespace && o.Name == r.Name })
}

func (p *FakeCluster) policy(r Ref) int {
	return slices.IndexFunc(p.Snapshot.Policies, func(o *netv1.NetworkPolicy) bool {
		return o.Namespace == realName(r.Namespace) && o.Name == r.Name
	})
}

// What there is, by logical name, sorted, without what the nodes have for themselves.

func (p *FakeCluster) namespaces() []string {
	return logical(p.Snapshot.Namespaces, func(n model.Namespace) (string, string) { return n.Name, "" })
}

func (p *FakeCluster) keys() []string {
	return logical(p.Snapshot.Pods, func(o model.Pod) (string, string) { return o.Namespace, "/" + o.Name })
}

func (p *FakeCluster) policies() []string {
	return logical(p.Snapshot.Policies, func(o *netv1.NetworkPolicy) (string, string) { return o.Namespace, "/" + o.Name })
}

func logical[T any](objects []T, split func(T) (namespace, rest string)) []string {
	var names []string
	for _, o := range objects {
		namespace, rest := split(o)
		if namespace, ok := strings.CutSuffix(namespace, suffix); ok {
			names = append(names, namespace+rest)
		}
	}
	slices.Sort(names)
	return names
}

func missing(kind, name string, valid []string) error {
	return fmt.Errorf("%s %q does not exist in this step%s", kind, name, strictyaml.Nearest(name, valid))
}
