package run

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
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

// The namespaces.
const (
	serversNS = "scale-servers"
	clientsNS = "scale-clients"
	puppetsNS = "scale-puppets"
	newNS     = "scale-new"
)

const port = 80

// friend is the label of clients that the witness lets in.
const friend = "friend"

type place struct {
	namespace string
	node      int
	labels    map[string]string
}

func places() map[string]place {
	return map[string]place{
		server: {namespace: serversNS}, witness: {namespace: serversNS}, caller: {namespace: serversNS},
		near:     {clientsNS, 0, map[string]string{friend: "yes"}},
		far:      {clientsNS, 1, map[string]string{friend: "yes"}},
		stranger: {clientsNS, 1, nil},
	}
}

// pod is a running pod with its prober.
type pod struct {
	name, node string
	ips        []netip.Addr
}

// createWorld makes the namespaces and pods and starts their probers.
func (r *run) createWorld(ctx context.Context) error {
	for _, name := range []string{serversNS, clientsNS, puppetsNS, newNS} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := r.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create namespace: %w", err)
		}
	}
	all := places()
	names := slices.Sorted(maps.Keys(all))
	err := r.writer.Each(ctx, "create watched pods", len(names), func(ctx context.Context, i int) error {
		p := all[names[i]]
		object := r.podObject(p.namespace, names[i], r.nodes[p.node], p.labels)
		_, err := r.client.CoreV1().Pods(p.namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	for name, p := range all {
		if err := r.attach(ctx, p.namespace, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) podObject(namespace, name, node string, labels map[string]string) *corev1.Pod {
	return podspec.Pod(namespace, name, node, r.cfg.Lab.Image("probe"), labels)
}

// running waits until a pod runs and has addresses.
func (r *run) running(ctx context.Context, namespace, name string) (*pod, error) {
	ctx, cancel := context.WithTimeout(ctx, podPatience)
	defer cancel()
	p, err := pods.AwaitRunning(ctx, r.client, namespace, name)
	if err != nil {
		return nil, err
	}
	return &pod{name: name, node: p.Node, ips: p.Addrs}, nil
}

// podPatience is for a pod of the lab to run; on a loaded machine many start at once.
const podPatience = 2 * time.Minute

// attach waits until the pod runs and starts its prober.
func (r *run) attach(ctx context.Context, namespace, name string) error {
	p, err := r.running(ctx, namespace, name)
	if err != nil {
		return err
	}
	r.pods[name] = p
	if err := r.fleet.Add(ctx, name, pods.Resident{Name: name, Namespace: namespace, Pod: name, Listen: "80/tcp,80/udp"}.Dial(r.cfg.Lab)); err != nil {
		return fmt.Errorf("start prober of pod %s: %w", name, err)
	}
	return nil
}

// flow is one client, one address.
type flow struct {
	client, to string
	addr       netip.AddrPort
}

func (f flow) family() string { return string(model.FamilyOf(f.addr.Addr())) }

func (f flow) String() string { return fmt.Sprintf("%s → %s %s", f.client, f.to, f.addr) }

// flows are those of the clients to a pod, in each family that is measured.
func (r *run) flows(to string, clients ...string) []flow {
	var out []flow
	for _, c := range clients {
		for _, ip := range r.measured(r.pods[to].ips) {
			out = append(out, flow{client: c, to: to, addr: netip.AddrPortFrom(ip, port)})
		}
	}
	return out
}

// measured are the addresses of families that the engine has.
func (r *run) measured(ips []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, ip := range ips {
		if slices.Contains(r.families, model.FamilyOf(ip)) {
			out = append(out, ip)
		}
	}
	return out
}

// await polls by new TCP connections until all flows connect, or none does. It sets the
// pace; what is measured is what the streams see.
func (r *run) await(ctx context.Context, flows []flow, allow bool, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	want, timeout := probe.Dropped, r.cfg.Timing.Silence
	if allow {
		want, timeout = probe.Connected, 3*r.cfg.Timing.Silence
	}
	targets := map[string][]probe.Target{}
	for i, f := range flows {
		targets[f.client] = append(targets[f.client], probe.Target{Cell: i, Addr: f.addr, Protocol: "TCP", Timeout: timeout})
	}
	last := "nothing"
	err := wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		obs, err := r.probeAll(ctx, targets)
		if err != nil {
			return false, err
		}
		if i := slices.IndexFunc(obs, func(o probe.Observation) bool { return !shows(o.Result, want) }); i >= 0 {
			last = fmt.Sprintf("%s: %s %s", flows[obs[i].Cell], obs[i].Result, obs[i].Err)
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for flows to be %s (last: %s): %w", past(allow), strings.TrimSpace(last), err)
	}
	return nil
}

// probeAll has all clients probe their targets at the same time.
func (r *run) probeAll(ctx context.Context, targets map[string][]probe.Target) ([]probe.Observation, error) {
	var mu sync.Mutex
	var all []probe.Observation
	g, gctx := errgroup.WithContext(ctx)
	for client, ts := range targets {
		g.Go(func() error {
			obs, err := r.fleet.Probe(gctx, client, ts)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, obs...)
			return err
		})
	}
	return all, g.Wait()
}

// shows reports whether a result is the wanted verdict: an engine may refuse instead of drop.
func shows(got, want probe.Result) bool {
	return got == want || want == probe.Dropped && (got == probe.Refused || got == probe.Unreachable)
}

// pause waits for a part of the plan that is a length of time. Nothing is taken to be true
// because it ended.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
