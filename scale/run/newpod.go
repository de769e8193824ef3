package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/scale/load"
	"github.com/netassay/netassay/scale/measure"
)

// newborn is what reached a new pod, of which a policy that was there before it says that
// nothing may.
type newborn struct {
	name    string
	ips     []netip.Addr
	before  int           // packets to these that were counted before
	at      time.Duration // of the request for it
	leaked  int           // packets that the node handed to the pod
	flows   int           // that packets were sent in all the time
	running float64       // ms from the request until the pod was seen to run
	void    string        // why it is no sample
}

// window is for how long the pod was open: packets per flow times the interval.
func (n newborn) window(interval time.Duration) time.Duration {
	return time.Duration(n.leaked) * interval / time.Duration(max(1, n.flows))
}

// tapRules count, after every other hook of the node's packet filter, the packets that go to
// pods' addresses: what it counts has passed the engine.
const tapRules = `table inet netassay_tap {
	set four { type ipv4_addr; size 65536; flags dynamic; counter; }
	set six { type ipv6_addr; size 65536; flags dynamic; counter; }
	chain tap {
		type filter hook postrouting priority 1000; policy accept;
		oifname "veth*" udp dport 80 jump counted
	}
	chain counted {
		add @four { ip daddr }
		add @six { ip6 daddr }
	}
}
`

// defaultDeny selects every pod of its namespace and lets nothing in.
func (c *cluster) defaultDeny() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.space(newNS), Name: "default-deny"},
		Spec:       netv1.NetworkPolicySpec{PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress}},
	}
}

// births has pods be born while packets are sent to their addresses.
type births struct {
	*traffic
	pool Pool
}

// openTap sets up the tap, and makes packets to addresses of nobody die on the node.
func (b *births) openTap(ctx context.Context, podCIDRs []netip.Prefix) error {
	if err := b.node.Run(ctx, tapRules, "nft", "-f", "-"); err != nil {
		return fmt.Errorf("set up the tap: %w", err)
	}
	for _, cidr := range podCIDRs {
		family := "-4"
		if cidr.Addr().Is6() {
			family = "-6"
		}
		if err := b.node.Run(ctx, "", "ip", family, "route", "replace", "blackhole", cidr.String()); err != nil {
			return fmt.Errorf("set up the tap: %w", err)
		}
	}
	return nil
}

// tapped is how many packets to any of the addresses the tap has seen.
func (b *births) tapped(ctx context.Context, ips []netip.Addr) (int, error) {
	total := 0
	for _, ip := range ips {
		set := "four"
		if ip.Is6() {
			set = "six"
		}
		text, err := measure.Output(ctx, b.node.Do, "nft", "get", "element", "inet", "netassay_tap", set, "{ "+ip.String()+" }")
		// An address that is not in the set has had no packet: an error of nft's.
		if err != nil && !strings.Contains(err.Error(), "No such file") {
			return 0, fmt.Errorf("read the tap: %w", err)
		}
		total += packets(text)
	}
	return total, nil
}

// packets reads "counter packets N bytes M"; 0 when there is no counter.
func packets(text string) (n int) {
	_, after, _ := strings.Cut(text, "packets ")
	_, _ = fmt.Sscan(after, &n)
	return n
}

// newPods takes samples of new pods' isolation.
type newPods struct {
	*births
	samples int
}

func (p newPods) Execute(ctx context.Context) error {
	if p.pool == nil {
		p.note("new pods are not measured: this cluster tells no address before its pod")
		return nil
	}
	if _, blind := p.Engine.(engines.OnLinks); blind {
		p.note("new pods are not measured: the engine judges packets on the pods' links, behind what counts them")
		return nil
	}
	if err := p.write(ctx, load.Create, p.defaultDeny()); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if err := flows.Pause(ctx, newPodQuiet); err != nil { // the policy is handled: there is no pod yet to see it by
		return err
	}
	for i := range p.samples {
		n, err := p.newPod(ctx, fmt.Sprintf("new-%d", i), p.timing.Deadline)
		if err != nil {
			return err
		}
		s := lasted(NewPod, false, n.at, n.window(p.timing.Interval))
		s.Leaked, s.Void, s.Pair = uint64(n.leaked), n.void, "all clients"
		p.keep(s)
		if (i+1)%10 == 0 {
			p.log(fmt.Sprintf("new pods: %d of %d", i+1, p.samples))
		}
	}
	return p.write(context.WithoutCancel(ctx), load.Delete, p.defaultDeny())
}

// newPodQuiet is how long no packet may get through until a pod is taken for isolated.
const newPodQuiet = 400 * time.Millisecond

// newPod sends packets to an address all the time, and then has a pod get it.
func (b *births) newPod(ctx context.Context, name string, patience time.Duration) (s newborn, err error) {
	n, err := b.pool.Acquire()
	if err != nil {
		return s, err
	}
	b.pool.ReuseSoon(true) // the next pod gets what is released now
	defer b.pool.ReuseSoon(false)
	b.pool.Release(n)
	s.name, s.ips = name, b.measured(b.pool.Addrs(n))
	all := flows.To(probe.Pod{Name: name, Addrs: s.ips}, port, b.pods[near], b.pods[far])
	s.flows = len(all)
	if s.before, err = b.tapped(ctx, s.ips); err != nil {
		return s, err
	}
	streams, err := flows.Start(ctx, b.fleet, all, probe.Stream{Interval: b.timing.Interval})
	if err != nil {
		return s, err
	}
	err = b.bear(ctx, &s, patience)
	watched, stopErr := b.stop(context.WithoutCancel(ctx), streams)
	for _, w := range watched {
		if w.Report.Sender.Sent == 0 {
			s.void = "a sender sent nothing"
		}
	}
	return s, errors.Join(err, stopErr, b.bury(ctx, name))
}

// bear creates the pod and counts until no packet has got through for a while, or patience is at
// its end.
func (b *births) bear(ctx context.Context, s *newborn, patience time.Duration) error {
	start := time.Now()
	s.at = probe.Now()
	if _, err := b.client.CoreV1().Pods(b.space(newNS)).Create(ctx, b.proberPod(b.space(newNS), s.name, 0, nil), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create pod %s: %w", s.name, err)
	}
	runCtx, cancel := context.WithTimeout(ctx, podPatience)
	defer cancel()
	p, err := pods.AwaitRunning(runCtx, b.client, b.space(newNS), s.name)
	if err != nil {
		return err
	}
	s.running = ms(time.Since(start))
	if !slices.ContainsFunc(s.ips, func(ip netip.Addr) bool { return slices.Contains(p.Addrs, ip) }) {
		s.void = "the pod got another address than foreseen"
		return nil
	}
	quiet, last, ran := time.Now(), -1, time.Now()
	for time.Since(quiet) < newPodQuiet && time.Since(ran) < patience {
		now, err := b.tapped(ctx, s.ips)
		if err != nil {
			return err
		}
		if now != last {
			quiet, last = time.Now(), now
		}
		if err := flows.Pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	s.leaked = max(0, last-s.before)
	return nil
}

// bury deletes the pod and waits until it is gone.
func (b *births) bury(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), podPatience)
	defer cancel()
	return b.remove(ctx, b.space(newNS), name)
}
