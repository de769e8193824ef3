package changeover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/suites/fixture"
)

// place is the pods in their namespace, each with a prober.
type place struct {
	objects  fixture.Run
	client   kubernetes.Interface
	exec     pods.Execer
	deadline time.Duration // for the pods to run
	fleet    *probe.Fleet
	pods     map[string]probe.Pod // by name
}

// create makes namespace, policies and pods, and starts the probers.
func (p *place) create(ctx context.Context) error {
	ns := p.objects.WatchNamespaceObject()
	if err := pods.CreateNamespace(ctx, p.client, ns, p.objects.SecretObject(ns.Name)); err != nil {
		return err
	}
	for _, policy := range p.objects.WatchPolicyObjects() {
		if _, err := p.client.NetworkingV1().NetworkPolicies(ns.Name).Create(ctx, policy, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create policy %s: %w", policy.Name, err)
		}
	}
	return p.createPods(ctx)
}

// atOnce bounds how many pods are made at a time.
const atOnce = 8

func (p *place) createPods(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.deadline)
	defer cancel()
	listen := fmt.Sprintf("%d/tcp,%[1]d/udp", fixture.WatchPort)
	starter := pods.Starter{Client: p.client, Exec: p.exec, Fleet: p.fleet, Listen: listen}
	roles := fixture.WatchRoles()
	made := make([]probe.Pod, len(p.objects.Nodes)*len(roles))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range made {
		g.Go(func() (err error) {
			object := p.objects.WatchPodObject(roles[i%len(roles)], i/len(roles)+1)
			made[i], err = starter.Create(gctx, object)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, pod := range made {
		p.pods[pod.Name] = pod
	}
	return nil
}

// remove takes the namespace and all in it away, and ends the probers.
func (p *place) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.deadline)
	defer cancel()
	err := p.fleet.Close()
	if gone := p.client.CoreV1().Namespaces().Delete(ctx, p.objects.WatchNamespace(), metav1.DeleteOptions{}); gone != nil {
		err = errors.Join(err, fmt.Errorf("delete namespace: %w", gone))
	}
	return err
}

// watch are flows with one verdict whose wrong packets belong together.
type watch struct {
	node   string // of the pod that the policy selects
	policy string // "" where none is in the way
	place  string // flows.SameNode or flows.CrossNode
	drop   bool
	flows  []flows.Flow
}

// watches are the flows that each node's engine has to judge, in order of nodes: into guarded,
// out of caged, and between pods of which no policy speaks, to show that the servers are alive.
// The other end is on the same node, and on the next one if there is one. Pods are by name.
func watches(objects fixture.Run, by map[string]probe.Pod) []watch {
	var all []watch
	nodes := objects.Nodes
	for n := range nodes {
		ends := map[string]int{flows.SameNode: n, flows.CrossNode: (n + 1) % len(nodes)}
		for _, where := range slices.Sorted(maps.Keys(ends)) {
			m := ends[where]
			if where == flows.CrossNode && m == n {
				continue
			}
			here := func(role string) probe.Pod { return by[objects.WatchPod(role, n+1)] }
			there := func(role string) probe.Pod { return by[objects.WatchPod(role, m+1)] }
			add := func(policy string, drop bool, server, client probe.Pod) {
				all = append(all, watch{nodes[n], policy, where, drop, flows.To(server, fixture.WatchPort, client)})
			}
			add(fixture.GuardPolicy, false, here(fixture.Guarded), there(fixture.Friend))
			add(fixture.GuardPolicy, true, here(fixture.Guarded), there(fixture.Stranger))
			add(fixture.CagePolicy, false, there(fixture.Friend), here(fixture.Caged))
			add(fixture.CagePolicy, true, there(fixture.Stranger), here(fixture.Caged))
			add("", false, there(fixture.Stranger), here(fixture.Friend))
		}
	}
	return all
}
