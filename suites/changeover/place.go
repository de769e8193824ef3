package changeover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/suites/fixture"
)

// The pods of every node, by what they are for.
const (
	guarded  = "guarded"  // who may come in is limited
	caged    = "caged"    // where it may go is limited
	friend   = "friend"   // may go everywhere, and everybody may come
	stranger = "stranger" // may go everywhere but to guarded
)

// port is where all pods listen, TCP and UDP.
const port = 80

// role is the label that policies select by.
const role = "role"

// The policies. Each lets friends pass, and nobody else.
const (
	guard = "guard-ingress"
	cage  = "cage-egress"
)

func roles() []string { return []string{guarded, caged, friend, stranger} }

// policies are what must be in force before, while and after the engine changes.
func policies(namespace string, labels map[string]string) []*netv1.NetworkPolicy {
	select1 := func(r string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{role: r}}
	}
	friends := []netv1.NetworkPolicyPeer{{PodSelector: ptr.To(select1(friend))}}
	object := func(name, subject string) *netv1.NetworkPolicy {
		p := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels}}
		p.Spec.PodSelector = select1(subject)
		return p
	}
	in, out := object(guard, guarded), object(cage, caged)
	in.Spec.PolicyTypes, in.Spec.Ingress = []netv1.PolicyType{netv1.PolicyTypeIngress}, []netv1.NetworkPolicyIngressRule{{From: friends}}
	out.Spec.PolicyTypes, out.Spec.Egress = []netv1.PolicyType{netv1.PolicyTypeEgress}, []netv1.NetworkPolicyEgressRule{{To: friends}}
	return []*netv1.NetworkPolicy{in, out}
}

// site is what a place is built on and with.
type site struct {
	client     kubernetes.Interface
	exec       pods.Execer
	image      string // of the prober
	runID      string
	restricted bool
	pull       []byte
	deadline   time.Duration // for a pod to run
}

// place is the pods in their namespace, each with a prober.
type place struct {
	site
	nodes []string
	fleet *probe.Fleet
	pods  map[string]probe.Pod // by podName
}

func newPlace(s site, nodes []string) *place {
	return &place{site: s, nodes: nodes, fleet: probe.NewFleet(), pods: map[string]probe.Pod{}}
}

func (p *place) namespace() string { return "netassay-" + p.runID + "-watch" }

// podName is the name of the pod of a role on the n-th node.
func podName(r string, n int) string { return fmt.Sprintf("%s-%d", r, n+1) }

// create makes namespace, policies and pods, and starts the probers.
func (p *place) create(ctx context.Context) error {
	own := map[string]string{fixture.RunLabel: p.runID}
	labels := maps.Clone(own)
	if p.restricted {
		labels[podspec.EnforceLabel] = "restricted"
	} else {
		labels[podspec.EnforceLabel] = "privileged"
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace(), Labels: labels}}
	if _, err := p.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	if p.pull != nil {
		secret := podspec.PullSecretObject(p.namespace(), own, p.pull)
		if _, err := p.client.CoreV1().Secrets(p.namespace()).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create pull secret: %w", err)
		}
	}
	for _, policy := range policies(p.namespace(), own) {
		if _, err := p.client.NetworkingV1().NetworkPolicies(p.namespace()).Create(ctx, policy, metav1.CreateOptions{}); err != nil {
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
	starter := pods.Starter{Client: p.client, Exec: p.exec, Fleet: p.fleet, Listen: fmt.Sprintf("%d/tcp,%[1]d/udp", port)}
	made := make([]probe.Pod, len(p.nodes)*len(roles()))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for n := range p.nodes {
		for i, r := range roles() {
			g.Go(func() (err error) {
				object := p.pod(r, n)
				if _, err := p.client.CoreV1().Pods(p.namespace()).Create(gctx, object, metav1.CreateOptions{}); err != nil {
					return fmt.Errorf("create pod %s: %w", object.Name, err)
				}
				made[n*len(roles())+i], err = starter.Attach(gctx, p.namespace(), object.Name)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, pod := range made {
		p.pods[pod.Name] = pod
	}
	return nil
}

func (p *place) pod(r string, n int) *corev1.Pod {
	pod := podspec.Pod(p.namespace(), podName(r, n), p.nodes[n], p.image, map[string]string{fixture.RunLabel: p.runID, role: r})
	podspec.Stay(pod, p.pull != nil)
	if p.restricted {
		pod.Spec.SecurityContext = podspec.RestrictedPod()
		pod.Spec.Containers[0].SecurityContext = podspec.RestrictedContainer()
	}
	return pod
}

// remove takes the namespace and all in it away, and ends the probers.
func (p *place) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.deadline)
	defer cancel()
	err := p.fleet.Close()
	if gone := p.client.CoreV1().Namespaces().Delete(ctx, p.namespace(), metav1.DeleteOptions{}); gone != nil {
		err = errors.Join(err, fmt.Errorf("delete namespace: %w", gone))
	}
	return err
}

// watches are all flows of the place.
func (p *place) watches() []watch { return watches(p.pods, p.nodes) }

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
// The other end is on the same node, and on the next one if there is one.
func watches(by map[string]probe.Pod, nodes []string) []watch {
	var all []watch
	for n := range nodes {
		ends := map[string]int{flows.SameNode: n, flows.CrossNode: (n + 1) % len(nodes)}
		for _, where := range slices.Sorted(maps.Keys(ends)) {
			m := ends[where]
			if where == flows.CrossNode && m == n {
				continue
			}
			here, there := func(r string) probe.Pod { return by[podName(r, n)] }, func(r string) probe.Pod { return by[podName(r, m)] }
			add := func(policy string, drop bool, server, client probe.Pod) {
				all = append(all, watch{nodes[n], policy, where, drop, flows.To(server, port, client)})
			}
			add(guard, false, here(guarded), there(friend))
			add(guard, true, here(guarded), there(stranger))
			add(cage, false, there(friend), here(caged))
			add(cage, true, there(stranger), here(caged))
			add("", false, there(stranger), here(friend))
		}
	}
	return all
}
