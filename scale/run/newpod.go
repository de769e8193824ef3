package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/probe"
)

// newborn is what reached a new pod, of which a policy that was there before it says that
// nothing may.
type newborn struct {
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

// tap counts, after every other hook of the node's packet filter, the packets that go to
// pods' addresses: what it counts has passed the engine.
const tap = `table inet netassay_tap {
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
func defaultDeny() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNS, Name: "default-deny"},
		Spec:       netv1.NetworkPolicySpec{PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress}},
	}
}

// openTap sets up the tap, and makes packets to addresses of nobody die on the node.
func (r *run) openTap(ctx context.Context) error {
	if err := r.node.Run(ctx, tap, "nft", "-f", "-"); err != nil {
		return fmt.Errorf("set up the tap: %w", err)
	}
	for _, cidr := range r.podCIDRs {
		family := "-4"
		if cidr.Addr().Is6() {
			family = "-6"
		}
		if err := r.node.Run(ctx, "", "ip", family, "route", "replace", "blackhole", cidr.String()); err != nil {
			return fmt.Errorf("set up the tap: %w", err)
		}
	}
	return nil
}

// tapped is how many packets to any of the addresses the tap has seen.
func (r *run) tapped(ctx context.Context, ips []netip.Addr) (int, error) {
	total := 0
	for _, ip := range ips {
		set := "four"
		if ip.Is6() {
			set = "six"
		}
		var out []byte
		err := r.node.Do(func() (err error) {
			// An address that is not in the set has had no packet: an error of nft's.
			out, err = exec.CommandContext(ctx, "nft", "get", "element", "inet", "netassay_tap", set, "{ "+ip.String()+" }").Output()
			var exit *exec.ExitError
			if errors.As(err, &exit) && strings.Contains(string(exit.Stderr), "No such file") {
				return nil
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read the tap: %w", err)
		}
		total += packets(string(out))
	}
	return total, nil
}

// packets reads "counter packets N bytes M".
func packets(text string) int {
	_, after, ok := strings.Cut(text, "packets ")
	if !ok {
		return 0
	}
	n, _ := strconv.Atoi(strings.Fields(after)[0])
	return n
}

// newPods takes samples of new pods' isolation.
func (r *run) newPods(ctx context.Context) error {
	if r.cfg.Pool == nil {
		r.note("new pods are not measured: this cluster tells no address before its pod")
		return nil
	}
	if err := r.create(ctx, defaultDeny()); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	if err := pause(ctx, newPodQuiet); err != nil { // the policy is handled: there is no pod yet to see it by
		return err
	}
	for i := range r.cfg.NewPods {
		n, err := r.newPod(ctx, fmt.Sprintf("new-%d", i), r.cfg.Timing.Deadline)
		if err != nil {
			return err
		}
		s := lasted(NewPod, "deny", n.at, n.window(r.cfg.Timing.Interval))
		s.Leaked, s.Void, s.Pair = uint64(n.leaked), n.void, "all clients"
		r.keep(s)
		if (i+1)%10 == 0 {
			r.cfg.Log(fmt.Sprintf("new pods: %d of %d", i+1, r.cfg.NewPods))
		}
	}
	return r.delete(context.WithoutCancel(ctx), defaultDeny())
}

// newPodQuiet is how long no packet may get through until a pod is taken for isolated.
const newPodQuiet = 400 * time.Millisecond

// newPod sends packets to an address all the time, and then has a pod get it.
func (r *run) newPod(ctx context.Context, name string, patience time.Duration) (s newborn, err error) {
	n, err := r.cfg.Pool.Acquire()
	if err != nil {
		return s, err
	}
	r.cfg.Pool.ReuseSoon(true) // the next pod gets what is released now
	defer r.cfg.Pool.ReuseSoon(false)
	r.cfg.Pool.Release(n)
	ips := r.measured(r.cfg.Pool.Addrs(n))
	var flows []flow
	for _, client := range []string{near, far} {
		for _, ip := range ips {
			flows = append(flows, flow{client: client, to: name, addr: netip.AddrPortFrom(ip, port)})
		}
	}
	s.flows = len(flows)
	before, err := r.tapped(ctx, ips)
	if err != nil {
		return s, err
	}
	ids, err := r.startStreams(ctx, flows, r.cfg.Timing.Interval)
	if err != nil {
		return s, err
	}
	err = r.bear(ctx, birth{name, ips, before, patience}, &s)
	reports, stopErr := r.stopStreams(context.WithoutCancel(ctx), ids)
	for _, report := range reports {
		if report.Sender.Sent == 0 {
			s.void = "a sender sent nothing"
		}
	}
	return s, errors.Join(err, stopErr, r.bury(ctx, name))
}

// birth is a pod to be: with which addresses, how many packets to these were counted
// before, and how long to wait for quiet.
type birth struct {
	name     string
	ips      []netip.Addr
	before   int
	patience time.Duration
}

// bear creates the pod and counts until no packet has got through for a while.
func (r *run) bear(ctx context.Context, b birth, s *newborn) error {
	name, ips, start := b.name, b.ips, time.Now()
	s.at = probe.Now()
	object := r.podObject(newNS, name, r.nodes[0], nil)
	if _, err := r.client.CoreV1().Pods(newNS).Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create pod %s: %w", name, err)
	}
	p, err := r.running(ctx, newNS, name)
	if err != nil {
		return err
	}
	s.running = ms(time.Since(start))
	if !contains(p.ips, ips) {
		s.void = "the pod got another address than foreseen"
		return nil
	}
	quiet, last, ran := time.Now(), -1, time.Now()
	for time.Since(quiet) < newPodQuiet && time.Since(ran) < b.patience {
		now, err := r.tapped(ctx, ips)
		if err != nil {
			return err
		}
		if now != last {
			quiet, last = time.Now(), now
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	s.leaked = max(0, last-b.before)
	return nil
}

func contains(all, some []netip.Addr) bool {
	for _, a := range some {
		for _, b := range all {
			if a == b {
				return true
			}
		}
	}
	return false
}

// bury deletes the pod and waits until it is gone.
func (r *run) bury(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), podPatience)
	defer cancel()
	pods := r.client.CoreV1().Pods(newNS)
	if err := pods.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete pod %s: %w", name, err)
	}
	return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := pods.Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}
