package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
)

// The cluster.

func (w *world) Name() string             { return "fake" }
func (w *world) REST() *rest.Config       { return nil }
func (w *world) Image(name string) string { return name }
func (w *world) Families() []model.Family {
	return []model.Family{model.IPv4, model.IPv6}
}
func (w *world) Nodes() []string { return []string{"n1", "n2", "n3"} }
func (w *world) Exec(context.Context, string, string, string, []string, clusters.Streams) error {
	panic("the fake fleet dials nobody")
}

func (w *world) Outside() pods.Execer { return w }

// BalancerIPs implements clusters.Outside.
func (w *world) BalancerIPs(node string, nodePort uint16) []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{10, 112, node[len(node)-1], byte(nodePort)}),
		netip.AddrFrom16([16]byte{0xfd, 13: node[len(node)-1], 15: byte(nodePort)}),
	}
}

// The fleet.

func (w *world) Add(_ context.Context, name string, _ probe.Dial) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.probers[name] = true
	return nil
}

func (w *world) Remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.probers, name)
}

// End has the pod whose main process the prober is run to its end.
func (w *world) End(_ context.Context, name string) error {
	resource := corev1.SchemeGroupVersion.WithResource("pods")
	namespace, pod, _ := strings.Cut(name, "/")
	o, err := w.client.Tracker().Get(resource, namespace, pod)
	if err != nil {
		return err
	}
	p := o.(*corev1.Pod).DeepCopy()
	if p.Spec.RestartPolicy != corev1.RestartPolicyNever {
		return fmt.Errorf("pod %s would start its prober again", name)
	}
	p.Status.Phase = corev1.PodSucceeded
	err = w.client.Tracker().Update(resource, p, namespace)
	w.record(nil)
	return err
}

// RestartAPIServer implements clusters.APIRestarter.
func (w *world) RestartAPIServer(ctx context.Context, meanwhile func(context.Context) error) error {
	return errors.Join(meanwhile(ctx), w.restarted())
}

// AddressAnnotation implements clusters.Addresser.
func (w *world) AddressAnnotation() string { return "fake/address" }

// FamilyAnnotation implements clusters.Addresser.
func (w *world) FamilyAnnotation() string { return "fake/family" }

func (w *world) Probe(ctx context.Context, client string, ts []probe.Target) ([]probe.Observation, error) {
	if err := pause(ctx, w.lag()); err != nil {
		return nil, err
	}
	sent := w.now()
	took := fakeRTT
	obs := make([]probe.Observation, len(ts))
	for i, t := range ts {
		obs[i] = w.probe(client, t)
		obs[i].Sent, obs[i].Done = sent, sent+fakeRTT
		if obs[i].Result == probe.Dropped {
			obs[i].Done = sent + t.Timeout
		}
		took = max(took, obs[i].Done-sent)
	}
	return obs, pause(ctx, took)
}

func (w *world) Interrupted(name string, from, to time.Duration) error {
	return w.interrupted(name, from, to)
}

func (w *world) Expect(client string, s probe.Stream) probe.Expected {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := probe.StreamID(len(w.streams) + 1)
	w.streams = append(w.streams, fakeStream{client, s})
	return probe.Expected{ID: id, Stream: s}
}

func (w *world) StartStream(_ context.Context, client string, s probe.Stream) (probe.StreamID, error) {
	return w.Expect(client, s).ID, nil
}

func (w *world) StopStream(_ context.Context, id probe.StreamID) (probe.StreamReport, error) {
	w.mu.Lock()
	s := w.streams[id-1]
	w.mu.Unlock()
	return w.streamed(s), nil
}

func (w *world) Began(string) (time.Duration, bool) { return fakeBegan, true }

// fakeBegan is when each prober began.
const fakeBegan = time.Millisecond

func (w *world) Late(probe.Observation) error { return w.late() }

func (w *world) probe(client string, t probe.Target) probe.Observation {
	o := probe.Observation{Cell: t.Cell, Result: probe.Dropped, Packets: 2}
	w.mu.Lock()
	now := w.history[len(w.history)-1]
	alive := w.probers[client]
	w.mu.Unlock()
	if w.broken(client) || !alive {
		o.Result, o.Err = probe.Inconclusive, "exec stream lost"
		return o
	}
	to := t.Addr
	if behind, ok := now.services[to]; ok {
		if proxy := cmp.Or(nodeOf(now.snapshot, client), now.entrances[to.Addr()]); proxy == w.proxyless || !now.lets(t.From, to, behind) {
			return o
		}
		to = behind
	}
	server, from := podAt(now.snapshot, to.Addr()), t.From
	if !from.IsValid() || t.Form == probe.FormForged && !w.credulous {
		from = podNamed(now.snapshot, client, to.Addr().Is4())
	}
	if server == "" || w.dead(server) || !from.IsValid() {
		return o
	}
	f := model.Flow{Client: from, Server: to.Addr(), Protocol: corev1.Protocol(t.Protocol), Port: to.Port()}
	if w.eats(client, t) || !w.established(t) && w.verdict(f) == model.Deny {
		return o
	}
	w.establish(t)
	o.Result = probe.Connected
	if !t.Bare {
		o.Answered, o.Receiver, o.Source = server, server, now.masked(t.Addr, from)
	}
	return o
}

// masked is the source that a pod sees of one who dials an address.
func (s state) masked(dialed netip.AddrPort, source netip.Addr) netip.Addr {
	if g, ok := s.gates[dialed]; ok && !g.local {
		for _, n := range s.snapshot.Nodes {
			if n.Name == s.entrances[dialed.Addr()] {
				return model.FamilyOf(source).First(n.IPs)
			}
		}
	}
	return source
}

// lets reports whether the Service at an address takes a packet of a host outside to the pod.
func (s state) lets(source netip.Addr, at, pod netip.AddrPort) bool {
	if !source.IsValid() { // one of the cluster's own
		return true
	}
	g := s.gates[at]
	if g.local && s.entrances[at.Addr()] != nodeOf(s.snapshot, podAt(s.snapshot, pod.Addr())) {
		return false
	}
	return len(g.ranges) == 0 || slices.ContainsFunc(g.ranges, func(r string) bool { return netip.MustParsePrefix(r).Contains(source) })
}

// established reports whether the probe goes over a flow that is open already, which the fake
// engine leaves alone.
func (w *world) established(t probe.Target) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held[t.Flow]
}

func (w *world) cutFlows() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.held)
}

func (w *world) establish(t probe.Target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.Open {
		w.held[t.Flow] = true
	}
}

func podAt(s model.Snapshot, ip netip.Addr) string {
	for _, p := range s.Pods {
		serves := !p.HostNetwork || strings.HasSuffix(p.Namespace, "-control")
		if serves && slices.Contains(p.IPs, ip) {
			return p.Key()
		}
	}
	if slices.ContainsFunc(model.OutsideRanges(), func(r netip.Prefix) bool { return r.Contains(ip) }) {
		return worldProber
	}
	return ""
}

func nodeOf(s model.Snapshot, key string) string {
	i := slices.IndexFunc(s.Pods, func(p model.Pod) bool { return p.Key() == key })
	if i < 0 { // a host outside
		return ""
	}
	return s.Pods[i].Node
}

func podNamed(s model.Snapshot, key string, is4 bool) netip.Addr {
	for _, p := range s.Pods {
		if p.Key() == key {
			for _, ip := range p.IPs {
				if ip.Is4() == is4 {
					return ip
				}
			}
		}
	}
	return netip.Addr{}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 { // a timer that is due at once crashes Go 1.26's race detector in a bubble
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var (
	_ clusters.Outside   = (*world)(nil)
	_ clusters.Addresser = (*world)(nil)
)
