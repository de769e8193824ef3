package runner

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/suites/cases"
)

// balance stands a load balancer before a Service, as a cloud's controller would, with addresses
// for each of the fixture's nodes, to which the hosts outside have a way. They come back by node.
func (a *fixtureSet) balance(ctx context.Context, s *corev1.Service) (map[string][]netip.Addr, error) {
	outside, ok := a.cluster.(clusters.Outside)
	if !ok {
		return nil, errors.New("this cluster has no hosts outside that could dial a load balancer")
	}
	balanced := map[string][]netip.Addr{}
	for n := 1; n <= cases.FixtureNodes; n++ {
		ips := outside.BalancerIPs(a.Node(n), uint16(s.Spec.Ports[0].NodePort))
		for _, ip := range ips {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip.String()})
		}
		balanced[cases.NodeKey(n)] = ips
	}
	if _, err := a.client.CoreV1().Services(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{}); err != nil {
		return nil, fmt.Errorf("give service %s/%s its load balancer: %w", s.Namespace, s.Name, err)
	}
	return balanced, nil
}

// awaitBalanced waits until a host outside that the Service lets in reaches it by its load
// balancer, by each node that takes packets on.
func (a *fixtureSet) awaitBalanced(ctx context.Context, p *pod, f cases.Front) {
	paths := []cases.Path{cases.PathLoadBalancer}
	if f.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		paths = append(paths, cases.PathLoadBalancerRemote)
	}
	var missing batch
	for _, family := range a.Families() {
		for _, port := range f.Ports {
			for _, path := range paths {
				to := dial(a.pod, "", p, cases.Cell{Family: family, Kind: cases.Kind{Probe: port.Target, Path: path}})
				if to.IsValid() {
					missing.add(a.timing.Timeout, p.key, to, port.Target)
					missing.targets[len(missing.targets)-1].From = f.Guest(family)
				}
			}
		}
	}
	a.await(ctx, worldProber, missing.targets)
}
