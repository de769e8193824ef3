package runner

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/suites/cases"
)

// front is the Service by which a pod is reached.
type front struct {
	ips       []netip.Addr           // cluster IPs; none: the name stands for the pod's own
	ports     map[cases.Probe]uint16 // by port of the pod; nil: the same
	nodePorts map[cases.Probe]uint16 // by port of the pod
	// balanced are the addresses of the load balancer before it, by the key of the node that each
	// leads to.
	balanced map[string][]netip.Addr
}

// frontOf is the pod's own Service.
func frontOf(s *corev1.Service) front {
	f := front{ips: parseIPs(s.Spec.ClusterIPs), nodePorts: map[cases.Probe]uint16{}}
	for _, p := range s.Spec.Ports {
		f.nodePorts[cases.Probe{Port: uint16(p.Port), Protocol: p.Protocol}] = uint16(p.NodePort)
	}
	return f
}

// createFront creates a pod's own Service, which may be there from a pod of the same name. p is
// bound.
func (a *fixtureSet) createFront(ctx context.Context, p cases.Pod) error {
	_, err := a.client.CoreV1().Services(p.Namespace).Create(ctx, a.ServiceObject(p), metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create service %s: %w", p.Key(), err)
	}
	return nil
}

// ownFront is a bound pod's own Service once it runs: a cluster may give the addresses late.
func (a *fixtureSet) ownFront(ctx context.Context, p cases.Pod) (front, error) {
	s, err := a.client.CoreV1().Services(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
	if err != nil {
		return front{}, err
	}
	return frontOf(s), nil
}

// dial is where a client on a node reaches the server of cell k; podOf tells of nodes. It is
// not valid when there is no such way.
func dial(podOf func(key string) *pod, clientNode string, server *pod, k cases.Cell) netip.AddrPort {
	ips, port, served := server.ips, k.Probe.Port, cases.Probe{Port: k.Probe.Port, Protocol: k.Probe.Protocol}
	switch k.Path {
	case cases.PathPod:
	case cases.PathService:
		if len(server.by.ips) > 0 {
			ips = server.by.ips
			if server.by.ports != nil {
				port = server.by.ports[served]
			}
		}
	case cases.PathNodePort, cases.PathNodePortRemote:
		node := podOf(dialedNode(clientNode, server, k.Path))
		if port = server.by.nodePorts[served]; node == nil || port == 0 {
			return netip.AddrPort{}
		}
		ips = node.ips
	case cases.PathLoadBalancer, cases.PathLoadBalancerRemote:
		ips, port = server.by.balanced[dialedNode("", server, k.Path)], server.by.ports[served]
	}
	return netip.AddrPortFrom(k.Family.First(ips), port)
}

// dialedNode is the key of the node that a client's packets come to first. A host outside has none
// of its own.
func dialedNode(clientNode string, server *pod, path cases.Path) string {
	switch {
	case !path.Remote():
		return server.node
	case clientNode == "":
		return cases.RemoteNode(server.node)
	}
	return clientNode
}

// CreateService creates a Service and puts it before the pod that it leads to.
func (a *fixtureSet) CreateService(ctx context.Context, f cases.Front) error {
	led, port := a.pod(f.PodKey()), map[cases.Probe]uint16{}
	for _, p := range f.Ports {
		port[p.Target] = p.Port
	}
	f.Namespace = a.Namespace(f.Namespace)
	made, err := a.client.CoreV1().Services(f.Namespace).Create(ctx, a.FrontObject(f), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	by := front{ips: parseIPs(made.Spec.ClusterIPs), ports: port, nodePorts: map[cases.Probe]uint16{}}
	for i, p := range f.Ports {
		by.nodePorts[p.Target] = uint16(made.Spec.Ports[i].NodePort)
	}
	if f.Type == cases.LoadBalancer {
		if by.balanced, err = a.balance(ctx, made); err != nil {
			return err
		}
	}
	now := *led
	now.own, now.by = &led.by, by
	a.awaitFront(ctx, &now, f)
	a.put(&now)
	return nil
}

// awaitFront waits until the pod's own node reaches it through a new Service. What never
// answers is left to the live controls.
func (a *fixtureSet) awaitFront(ctx context.Context, p *pod, f cases.Front) {
	var missing batch
	for _, family := range a.Families() {
		for _, port := range f.Ports {
			k := cases.Cell{Family: family, Kind: cases.Kind{Probe: port.Target, Path: cases.PathService}}
			if f.External() {
				k.Path = cases.PathNodePort
			}
			if to := dial(a.pod, p.node, p, k); to.IsValid() {
				missing.add(a.timing.Timeout, p.key, to, port.Target)
			}
		}
	}
	a.await(ctx, p.control, missing.targets)
	if f.Type == cases.LoadBalancer {
		a.awaitBalanced(ctx, p, f)
	}
}

// DeleteService deletes a Service of a case. Its pod has its own one again.
func (a *fixtureSet) DeleteService(ctx context.Context, d cases.DeleteService) error {
	if led := a.pod(d.Pod); led != nil && led.own != nil {
		now := *led
		now.own, now.by = nil, *led.own
		a.put(&now)
	}
	return a.client.CoreV1().Services(a.Namespace(d.Namespace)).Delete(ctx, d.Name, metav1.DeleteOptions{})
}

// DeleteService implements cases.World.
func (u undoing) DeleteService(ctx context.Context, d cases.DeleteService) error {
	return ignoreGone(u.fixtureSet.DeleteService(ctx, d))
}

// await asks targets from a control prober until all answer, for a while.
func (a *fixtureSet) await(ctx context.Context, control string, targets []probe.Target) {
	ctx, cancel := context.WithTimeout(ctx, serversTimeout)
	defer cancel()
	_ = a.poll(ctx, func(ctx context.Context) (bool, error) { // only ever ends by ctx
		obs, err := a.fleet.Probe(ctx, control, targets)
		return err == nil && !slices.ContainsFunc(obs, func(o probe.Observation) bool { return o.Result != probe.Connected }), nil
	})
}
