package chaos

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/suites/chaos/account"
)

// The pods. Near clients are on the server's node, far ones on another. The toggled
// client is in every other version of the large policy only; the subject gets a policy
// now and then that isolates it.
const (
	server  = "server"
	subject = "subject"
	near    = "near"
	far     = "far"
	badNear = "bad-near"
	badFar  = "bad-far"
	toggled = "toggled"
)

// port is where all pods listen, TCP and UDP.
const port = 80

// pod is a running pod with its prober.
type pod struct {
	name, node string
	ips        []netip.Addr
}

// placement says on which of the first two nodes each pod runs.
func placement() map[string]int {
	return map[string]int{server: 0, near: 0, badNear: 0, toggled: 1, far: 1, badFar: 1, subject: 1}
}

// createPods makes the pods and starts their probers.
func (r *run) createPods(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}}
	if _, err := r.cfg.Client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	nodes := r.cfg.Lab.Nodes()
	if len(nodes) < 2 {
		return fmt.Errorf("chaos needs 2 nodes, the lab has %d: give --nodes 2", len(nodes))
	}
	for name, n := range placement() {
		object := podspec.Pod(r.namespace, name, nodes[n], r.cfg.Lab.Image("probe"), nil)
		if _, err := r.cfg.Client.CoreV1().Pods(r.namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create pod %s: %w", name, err)
		}
	}
	for name := range placement() {
		if err := r.attach(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// attach waits until the pod runs and starts its prober.
func (r *run) attach(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timing.Deadline)
	defer cancel()
	starter := pods.Starter{Client: r.cfg.Client, Exec: r.cfg.Lab, Fleet: r.fleet, Listen: "80/tcp,80/udp"}
	p, err := starter.Attach(ctx, r.namespace, name)
	r.pods[name] = &pod{name: name, node: p.Node, ips: p.Addrs}
	return err
}

// remove takes the namespace and all in it away.
func (r *run) remove(ctx context.Context) error {
	for name := range r.pods {
		r.fleet.Remove(name)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Timing.Deadline)
	defer cancel()
	if err := r.cfg.Client.CoreV1().Namespaces().Delete(ctx, r.namespace, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete namespace: %w", err)
	}
	return nil
}

// flows are those of the clients to one server, in each family.
func (r *run) flows(duty account.Duty, to string, clients ...string) []flow {
	var out []flow
	for _, c := range clients {
		for _, ip := range r.pods[to].ips {
			f := flow{addr: netip.AddrPortFrom(ip, port)}
			f.Flow = account.Flow{Duty: duty, Client: c, Server: to, Family: "IPv4", Place: "cross-node"}
			if ip.Is6() {
				f.Family = "IPv6"
			}
			if r.pods[c].node == r.pods[to].node {
				f.Place = "same-node"
			}
			out = append(out, f)
		}
	}
	return out
}

// flow is an account.Flow and where it goes.
type flow struct {
	account.Flow
	addr netip.AddrPort
}

// awaitVerdict polls by new TCP connections until all flows connect, or none does.
func (r *run) awaitVerdict(ctx context.Context, flows []flow, allow bool) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timing.Deadline)
	defer cancel()
	want, timeout := probe.Dropped, r.cfg.Timing.Silence
	if allow {
		want, timeout = probe.Connected, 3*r.cfg.Timing.Silence
	}
	targets := map[string][]probe.Target{}
	for i, f := range flows {
		targets[f.Client] = append(targets[f.Client], probe.Target{Cell: i, Addr: f.addr, Protocol: "TCP", Timeout: timeout})
	}
	last := "nothing"
	err := wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		for client, ts := range targets {
			obs, err := r.fleet.Probe(ctx, client, ts)
			if err != nil {
				return false, err
			}
			if i := slices.IndexFunc(obs, func(o probe.Observation) bool { return o.Result != want }); i >= 0 {
				last = fmt.Sprintf("%s: %s %s", flows[obs[i].Cell], obs[i].Result, obs[i].Err)
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for flows to be %s (last seen to be wrong: %s): %w", word(allow), last, err)
	}
	return nil
}

func word(allow bool) string {
	if allow {
		return "allowed"
	}
	return "denied"
}
