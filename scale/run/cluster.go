package run

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/scale/hollow"
	"github.com/netassay/netassay/scale/load"
)

// The pods whose flows are watched. Those of the first node are under the engine; on the
// second no engine runs, so that a verdict is the first one's alone. Near is a client on the
// first node, far and stranger are on the second.
const (
	server   = "server"   // gets the policies that change
	witness  = "witness"  // has a policy that never changes: lets near and far in, stranger not
	caller   = "caller"   // may call out to callees only
	near     = "near"     // a client
	far      = "far"      // a client, and where packets to puppets arrive
	stranger = "stranger" // a client that the witness's policy keeps out
)

// The namespaces, as cluster.space calls them.
const (
	serversNS = "servers"
	clientsNS = "clients"
	puppetsNS = "puppets"
	newNS     = "new"
)

const port = 80

// friend is the label of clients that the witness lets in.
const friend = "friend"

type place struct {
	namespace string
	node      int
	labels    map[string]string
}

func (c *cluster) places() map[string]place {
	all := map[string]place{
		server: {namespace: serversNS}, witness: {namespace: serversNS}, caller: {namespace: serversNS},
		near:     {clientsNS, 0, map[string]string{friend: "yes"}},
		far:      {clientsNS, 1, map[string]string{friend: "yes"}},
		stranger: {clientsNS, 1, nil},
	}
	if c.guest == nil {
		return all
	}
	delete(all, caller)
	for i := range guestServers {
		all[guestServer(i)] = place{namespace: serversNS, node: i}
	}
	return all
}

// makeSpace makes a namespace, with what a guest's pods need there.
func (c *cluster) makeSpace(ctx context.Context, ns corev1.Namespace) error {
	if c.guest != nil {
		c.guest.mark(&ns)
	}
	if _, err := c.client.CoreV1().Namespaces().Create(ctx, &ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	if c.guest == nil || c.guest.PullSecret == nil {
		return nil
	}
	secret := podspec.PullSecretObject(ns.Name, map[string]string{c.guest.Label: c.guest.Run}, c.guest.PullSecret)
	if _, err := c.client.CoreV1().Secrets(ns.Name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create pull secret: %w", err)
	}
	return nil
}

// cluster is where changes are made: its clients, its nodes, and the pods that are watched.
type cluster struct {
	home     clusters.Cluster
	machines []engines.Node // the nodes, where they are within reach
	guest    *Guest         // nil: the cluster is the run's own
	client   kubernetes.Interface
	writer   *hollow.Writer
	nodes    []string
	families []model.Family // that are measured
	fleet    *probe.Fleet
	pods     map[string]probe.Pod // watched, with the addresses that are measured
}

// guestSpaces are the namespaces of what is watched in somebody else's cluster.
func guestSpaces() []string { return []string{serversNS, clientsNS, newNS} }

// spaces are the namespaces of what is watched.
func (c *cluster) spaces() []string {
	if c.guest != nil {
		return guestSpaces()
	}
	return append(guestSpaces(), puppetsNS)
}

// space is what one of the run's namespaces is called in the cluster.
func (c *cluster) space(name string) string {
	if c.guest != nil {
		return c.guest.prefix() + name
	}
	return "scale-" + name
}

// proberPod is a pod of nothing but a prober. Of a guest's nodes there may be fewer than wanted.
func (c *cluster) proberPod(namespace, name string, node int, labels map[string]string) *corev1.Pod {
	pod := podspec.Pod(namespace, name, c.nodes[node%len(c.nodes)], c.home.Image("probe"), labels)
	if c.guest != nil {
		c.guest.fit(pod)
	}
	return pod
}

// podPatience is for a pod of the lab to run; on a loaded machine many start at once.
const podPatience = 2 * time.Minute

// attach waits until a pod runs, starts its prober, and watches it from then on.
func (c *cluster) attach(ctx context.Context, namespace, name string) error {
	ctx, cancel := context.WithTimeout(ctx, podPatience)
	defer cancel()
	s := pods.Starter{Client: c.client, Exec: c.home, Fleet: c.fleet, Listen: "80/tcp,80/udp"}
	p, err := s.Attach(ctx, namespace, name)
	p.Addrs = c.measured(p.Addrs)
	c.pods[name] = p
	return err
}

// remove deletes a pod and waits until it is gone.
func (c *cluster) remove(ctx context.Context, namespace, name string) error {
	all := c.client.CoreV1().Pods(namespace)
	if err := all.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete pod %s: %w", name, err)
	}
	return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := all.Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}

// bring creates watched pods, waits until they run, and starts their probers.
func (c *cluster) bring(ctx context.Context, names []string) error {
	all := c.places()
	err := c.writer.Each(ctx, "create watched pods", len(names), func(ctx context.Context, i int) error {
		at := all[names[i]]
		in := c.space(at.namespace)
		_, err := c.client.CoreV1().Pods(in).Create(ctx, c.proberPod(in, names[i], at.node, at.labels), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := c.attach(ctx, c.space(all[name].namespace), name); err != nil {
			return err
		}
	}
	return nil
}

// to are the flows of clients to a watched pod, in each family that is measured.
func (c *cluster) to(server string, clients ...string) []flows.Flow {
	var from []probe.Pod
	for _, name := range clients {
		from = append(from, c.pods[name])
	}
	return flows.To(c.pods[server], port, from...)
}

// measured are the addresses of families that the engine has.
func (c *cluster) measured(ips []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(ips), func(ip netip.Addr) bool { return !slices.Contains(c.families, model.FamilyOf(ip)) })
}

// write makes, changes or deletes a policy.
func (c *cluster) write(ctx context.Context, verb load.Verb, p *netv1.NetworkPolicy) error {
	if err := c.writer.Write(ctx, load.Write{Verb: verb, Policy: p}); err != nil {
		return fmt.Errorf("%s policy %s: %w", verb, p.Name, err)
	}
	return nil
}

// under has a policy in force while do runs.
func (c *cluster) under(ctx context.Context, p *netv1.NetworkPolicy, do func() error) error {
	if err := c.write(ctx, load.Create, p); err != nil {
		return err
	}
	err := do()
	if dErr := c.write(context.WithoutCancel(ctx), load.Delete, p); err == nil {
		err = dErr
	}
	return err
}

// label sets the label of a pod that a policy selects by.
func (c *cluster) label(ctx context.Context, namespace, name, value string) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, called, value)
	if _, err := c.client.CoreV1().Pods(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("label pod %s: %w", name, err)
	}
	return nil
}

// endPods deletes hollow pods.
func (c *cluster) endPods(ctx context.Context, all []load.Pod) error {
	return c.writer.Each(ctx, "delete pods", len(all), func(ctx context.Context, i int) error {
		return c.writer.EndPod(ctx, all[i].Namespace, all[i].Name)
	})
}
