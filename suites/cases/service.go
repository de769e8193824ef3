package cases

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// ServiceType is what a Service of a case is.
type ServiceType string

// The types of Services.
const (
	ClusterIP ServiceType = "ClusterIP"
	NodePort  ServiceType = "NodePort"
	Headless  ServiceType = "headless" // no cluster IP: its name stands for the pod's address

	LoadBalancer ServiceType = "LoadBalancer" // with addresses outside of the cluster, by each node one
)

// Front is a Service that a case creates. It leads to one pod, and takes the place of the pod's
// own Service in all paths for as long as it is there.
type Front struct {
	Ref
	Pod   string // in the Service's namespace
	Type  ServiceType
	Ports []ServicePort // never empty
	// ExternalTrafficPolicy and InternalTrafficPolicy are Cluster, the default, or Local.
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy
	InternalTrafficPolicy corev1.ServiceInternalTrafficPolicy
	// SourceRanges are whom a load balancer lets in; empty: everybody.
	SourceRanges []netip.Prefix
}

// ServicePort is a port of a Service, and the pod's port behind it.
type ServicePort struct {
	Port   uint16
	Target Probe
	Name   string // of the target, where the Service names it instead of numbering it
}

// PodKey is the key of the pod that the Service leads to.
func (s Front) PodKey() string { return Ref{s.Namespace, s.Pod}.Key() }

// port is the Service's port for a pod's, 0 for one that it does not lead to.
func (s Front) port(target Probe) uint16 {
	target.Size = 0
	for _, p := range s.Ports {
		if p.Target == target {
			return p.Port
		}
	}
	return 0
}

// CreateService creates a Service in front of a pod.
type CreateService struct{ Front }

func (a CreateService) do(ctx context.Context, w World) error { return w.CreateService(ctx, a.Front) }

func (a CreateService) effect() Effect {
	return Effect{Resource: Services, Fronts: a.PodKey()}
}
func (a CreateService) String() string { return "create service " + a.Key() }

// DeleteService deletes a Service that the case has created.
type DeleteService struct {
	Ref
	Pod string // key of the pod that it led to
}

func (a DeleteService) do(ctx context.Context, w World) error { return w.DeleteService(ctx, a) }
func (a DeleteService) effect() Effect                        { return Effect{Resource: Services, Fronts: a.Pod} }
func (a DeleteService) String() string                        { return "delete service " + a.Key() }

// CreateService implements World.
func (p *FakeCluster) CreateService(_ context.Context, s Front) error {
	if p.pod(refOf(s.PodKey())) < 0 {
		return missing("pod", s.PodKey(), p.keys())
	}
	if p.front(s.PodKey()) != nil {
		return fmt.Errorf("pod %s has a Service of the case already; delete it first", s.PodKey())
	}
	p.services = append(p.services, s)
	return nil
}

// DeleteService implements World.
func (p *FakeCluster) DeleteService(_ context.Context, d DeleteService) error {
	r := d.Ref
	i := slices.IndexFunc(p.services, func(s Front) bool { return s.Ref == r })
	if i < 0 {
		var names []string
		for _, s := range p.services {
			names = append(names, s.Key())
		}
		return missing("service", r.Key(), names)
	}
	p.services = slices.Delete(p.services, i, i+1)
	return nil
}

// deleteService is the action that deletes a Service.
func (p *FakeCluster) deleteService(r Ref) DeleteService {
	for _, s := range p.services {
		if s.Ref == r {
			return DeleteService{r, s.PodKey()}
		}
	}
	return DeleteService{Ref: r}
}

// front is the case's Service in front of a pod, nil when it has its own one.
func (p *FakeCluster) front(key string) *Front {
	for i := range p.services {
		if p.services[i].PodKey() == key {
			return &p.services[i]
		}
	}
	return nil
}

// leads reports whether a path leads from client to server at all. What is no pod has no
// Service, hosts outside dial what a Service of the case opens to them, and pods in the network of
// their node serve nothing, and are asked for what concerns pods. Node ports are not dialed by
// nodes: what a node rewrites of its own packets, no policy could see.
func (p *FakeCluster) leads(client, server string, k Kind) bool {
	if p.onHost(server) || p.onHost(client) && (k.Path != PathPod || !IsPodKey(server)) {
		return false
	}
	if k.Path == PathPod {
		return true
	}
	if WorldAddr(client).IsValid() {
		return IsPodKey(server) && p.admits(server, k)
	}
	if !p.mayDial(client, server, k) {
		return false
	}
	same, front := p.nodeOf(client) == p.nodeOf(server), p.front(server)
	if front == nil {
		dialed := k.Path == PathNodePort || k.Path == PathNodePortRemote && !same
		return k.Path == PathService || dialed && !p.ownPorts
	}
	switch k.Path {
	case PathNodePort:
	case PathNodePortRemote:
		if same || front.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
			return false
		}
	case PathLoadBalancer, PathLoadBalancerRemote:
		return false
	default:
		return front.port(k.Probe) != 0 && (same || front.InternalTrafficPolicy != corev1.ServiceInternalTrafficPolicyLocal)
	}
	return front.External() && front.port(k.Probe) != 0
}

// mayDial reports whether a client may dial a Service of the server, whatever that is like. A
// client shows by its own one that its node's kube-proxy works.
func (p *FakeCluster) mayDial(client, server string, k Kind) bool {
	switch {
	case !IsPodKey(server), k.Probe.Protocol == ICMP, p.bare[client], p.bare[server]:
		return false
	case IsPodKey(client):
		return true
	}
	return k.Path == PathService && IsNodeKey(client)
}

// onHost reports whether key is that of a pod in the network of its node.
func (p *FakeCluster) onHost(key string) bool {
	i := p.pod(refOf(key))
	return i >= 0 && p.Snapshot.Pods[i].HostNetwork
}

// nodeOf is the node of a pod, or of a node's control prober.
func (p *FakeCluster) nodeOf(key string) string {
	if IsNodeKey(key) {
		return nodeName(numberOf(key))
	}
	if i := p.pod(refOf(key)); i >= 0 {
		return p.Snapshot.Pods[i].Node
	}
	return ""
}

// Verdict is the oracle's for a cell in the cluster's state. ok is false when a pod has no
// address of the family. By a node port it is the one on which all agree who rewrite
// addresses, sooner or later than they judge them, and is else undefined; what the Service drops
// is denied.
func (p *FakeCluster) Verdict(k Cell) (d oracle.Decision, ok bool) {
	f, ok := k.Flow(p)
	if !ok || !k.Path.ByNode() {
		return oracle.Evaluate(p.Snapshot, f), ok
	}
	if why := p.Drops(k); why != "" {
		return oracle.Decision{Verdict: model.Deny, Reason: why}, true
	}
	own, elsewhere := k.Family.First(p.PodIPs(p.dialed(k))), anyNode[k.Family]
	var r oracle.Rewriting
	for _, node := range append(elsewhere[:len(elsewhere):len(elsewhere)], own) {
		for _, port := range nodePorts {
			r.Destinations = append(r.Destinations, netip.AddrPortFrom(node, port))
		}
	}
	// The server's own node may be the source, from which all is allowed; but what it only forwards
	// was not sent by it, and engines that tell these apart see a stranger.
	if front := p.front(k.Server); front == nil || front.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		r.Sources = append(elsewhere[:len(elsewhere):len(elsewhere)], own)
	}
	return oracle.EvaluateRewritten(p.Snapshot, f, r), true
}

// dialed is the key of the node that a cell's packets come to first.
func (p *FakeCluster) dialed(k Cell) string {
	own := NodeKey(numberOf(p.nodeOf(k.Server)))
	switch {
	case !k.Path.Remote():
		return own
	case WorldAddr(k.Client).IsValid():
		return RemoteNode(own)
	}
	return NodeKey(numberOf(p.nodeOf(k.Client)))
}

// Addresses that nodes may have, and the ends of the range of node ports: a verdict that
// would differ between them is none.
var (
	anyNode = map[model.Family][]netip.Addr{
		model.IPv4: {netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("192.168.49.2"), netip.MustParseAddr("203.0.113.9")},
		model.IPv6: {netip.MustParseAddr("fd00::9"), netip.MustParseAddr("2001:db8::9")},
	}
	nodePorts = []uint16{30000, 32767}
)

// DialsNodePorts reports whether the case needs node ports, of the pods' own Services too.
func (c Case) DialsNodePorts() bool { return slices.ContainsFunc(c.Paths, Path.ByNode) }

// OpensNodePorts reports whether the case creates a Service that has node ports.
func (c Case) OpensNodePorts() bool {
	return does(c, func(a CreateService) bool { return a.External() })
}

// newService reads a Service.
func (p *parser) newService(at *yaml.Node, h headerService) Front {
	pod := p.ref(at, h.Pod)
	s := Front{Ref: p.ref(at, h.Service), Pod: pod.Name, Type: ServiceType(h.Type)}
	s.InternalTrafficPolicy = corev1.ServiceInternalTrafficPolicy(h.InternalTrafficPolicy)
	if s.Type == "" {
		s.Type = ClusterIP
	}
	if types := []string{string(ClusterIP), string(NodePort), string(LoadBalancer), string(Headless)}; !slices.Contains(types, string(s.Type)) {
		p.fail(at, "unknown type %q of a Service%s", s.Type, strictyaml.Nearest(h.Type, types))
	}
	for _, policy := range []string{h.ExternalTrafficPolicy, h.InternalTrafficPolicy} {
		if policy != "" && policy != "Local" && policy != "Cluster" {
			p.fail(at, "unknown traffic policy %q; valid are Cluster, Local", policy)
		}
	}
	p.opened(at, h, &s)
	if s.Namespace != pod.Namespace {
		p.fail(at, "a Service leads to pods of its own namespace only; %s is in another", h.Pod)
	}
	if s.Name == s.Pod {
		p.fail(at, "pod %s has a Service of that name already; give this one another", h.Pod)
	}
	if len(h.Ports) == 0 {
		p.fail(at, `a Service needs ports, like "ports: {8000: 80/TCP}"`)
	}
	for _, port := range slices.Sorted(maps.Keys(h.Ports)) {
		s.Ports = append(s.Ports, p.servicePort(at, pod, port, h.Ports[port]))
	}
	return s
}

// header is what newService reads.
func (s Front) header() *headerService {
	h := &headerService{
		Service: s.Key(), Pod: s.PodKey(), Type: string(s.Type), Ports: map[string]string{},
		ExternalTrafficPolicy: string(s.ExternalTrafficPolicy), InternalTrafficPolicy: string(s.InternalTrafficPolicy),
		SourceRanges: list(s.SourceRanges),
	}
	for _, p := range s.Ports {
		h.Ports[strconv.Itoa(int(p.Port))] = cmp.Or(p.Name, p.Target.String())
	}
	return h
}

// servicePort reads a port of a Service: its number, and the pod's port by number or name.
func (p *parser) servicePort(at *yaml.Node, pod Ref, port, target string) ServicePort {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		p.fail(at, "%q is no number of a port", port)
	}
	sp := ServicePort{Port: uint16(n)}
	if sp.Target, err = parseProbe(target); err == nil {
		return sp
	}
	if i := p.fakes[0].pod(pod); i >= 0 {
		for _, declared := range p.fakes[0].Snapshot.Pods[i].Ports {
			if declared.Name == target {
				sp.Target, sp.Name = Probe{Port: declared.Number, Protocol: declared.Protocol}, target
				return sp
			}
		}
	}
	p.fail(at, "%q is no port of %s: neither like 80/TCP nor a name that it declares", target, pod.Key())
	return sp
}
