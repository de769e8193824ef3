package kernel_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// flowWorld is x/server and x/other on node n, both in its range 10.0.2.0/24. A policy
// isolates x/server and lets the given block in.
func flowWorld(block string) model.Snapshot {
	prefix := netip.MustParsePrefix
	return model.Snapshot{
		Namespaces: []model.Namespace{{Name: "x"}},
		Nodes: []model.Node{{
			Name: "n", IPs: []netip.Addr{netip.MustParseAddr("10.0.2.1")},
			PodCIDRs: []netip.Prefix{prefix("10.0.2.0/24"), prefix("fd00:2::/64")},
		}},
		Pods: []model.Pod{pod("server", "server", "n", "10.0.2.2", "fd00:2::2"), pod("other", "other", "n", "10.0.2.3", "fd00:2::3")},
		Policies: []*netv1.NetworkPolicy{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p"},
			Spec: netv1.NetworkPolicySpec{
				PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"role": "server"}},
				Ingress:     []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{IPBlock: &netv1.IPBlock{CIDR: block}}}}},
			},
		}},
	}
}

// wire is a real kernel between a client and two servers, in namespaces of their own. The
// servers echo.
type wire struct {
	world
	client *sandbox.NetNS
}

func newWire(t *testing.T, b kernel.Backend) *wire {
	t.Helper()
	sandbox.Require(t)
	var ns [3]*sandbox.NetNS
	for i, name := range []string{"client", "router", "server"} {
		n, err := sandbox.NewNetNS(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		ns[i] = n
	}
	in(t, ns[1], `ip link add left type veth peer name eth0 netns client
ip link add right type veth peer name eth0 netns server
ip addr add 10.0.1.1/24 dev left
ip addr add fd00:1::1/64 dev left nodad
ip addr add 10.0.2.1/24 dev right
ip addr add fd00:2::1/64 dev right nodad
ip link set left up
ip link set right up
sysctl -qw net.ipv4.ip_forward=1
sysctl -qw net.ipv6.conf.all.forwarding=1`)
	for i, net := range []string{"1", "", "2"} {
		if net == "" {
			continue
		}
		in(t, ns[i], fmt.Sprintf(`ip addr add 10.0.%[1]s.2/24 dev eth0
ip addr add 10.0.%[1]s.3/24 dev eth0
ip addr add fd00:%[1]s::2/64 dev eth0 nodad
ip addr add fd00:%[1]s::3/64 dev eth0 nodad
ip link set eth0 up
ip route add default via 10.0.%[1]s.1
ip route add default via fd00:%[1]s::1`, net))
	}
	w := &wire{world: world{t: t, run: &counting{Runner: inside{ns[1]}}, backend: b}, client: ns[0]}
	w.echo(ns[2])
	return w
}

func in(t *testing.T, ns *sandbox.NetNS, script string) {
	t.Helper()
	for line := range strings.Lines(script) {
		argv := strings.Fields(line)
		err := ns.Do(func() error {
			out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s: %w: %s", line, err, out)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *wire) echo(ns *sandbox.NetNS) {
	w.t.Helper()
	var l net.Listener
	err := ns.Do(func() (err error) {
		l, err = net.Listen("tcp", "[::]:80")
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

// How long silence must last to be a drop, and how long an answer may take.
const (
	silence  = 700 * time.Millisecond
	patience = 20 * time.Second
)

// dial opens a connection, or gives a timeout.
func (w *wire) dial(server string, timeout time.Duration) (conn net.Conn, err error) {
	doErr := w.client.Do(func() error {
		conn, err = net.DialTimeout("tcp", net.JoinHostPort(server, "80"), timeout)
		return nil
	})
	return conn, errors.Join(doErr, err)
}

// opens checks whether new connections are made. A timeout only counts as a drop while the
// other server, at the same host, answers.
func (w *wire) opens(server, control string, want bool) {
	w.t.Helper()
	timeout := patience
	if !want {
		timeout = silence
	}
	c, err := w.dial(server, timeout)
	if err == nil {
		c.Close()
	}
	if want != (err == nil) || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !strings.Contains(err.Error(), "timeout") {
		w.t.Errorf("new connection to %s: %v, want one: %v", server, err, want)
	}
	if want {
		return
	}
	if c, err = w.dial(control, patience); err != nil {
		w.t.Fatalf("the control is dead: %v", err)
	}
	c.Close()
}

// says sends a word over an open connection and reads what comes back.
func says(c net.Conn, word string, timeout time.Duration) error {
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	return hears(c, word, timeout)
}

func hears(c net.Conn, word string, timeout time.Duration) error {
	if err := c.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	buf := make([]byte, len(word))
	if _, err := io.ReadFull(c, buf); err != nil {
		return err
	}
	if string(buf) != word {
		return fmt.Errorf("read %q, want %q", buf, word)
	}
	return nil
}

// TestExistingFlow: an established connection that a policy begins to deny lives on with
// keep, and stalls with cut until it is allowed again. New ones are denied by both.
func TestExistingFlow(t *testing.T) {
	for _, b := range []kernel.Backend{kernel.NFT, kernel.Legacy} {
		for _, existing := range []plan.Existing{plan.Keep, plan.Cut} {
			for family, address := range map[string][3]string{"IPv4": {"10.0.2.2", "10.0.2.3", "10.0.1.0/24"}, "IPv6": {"fd00:2::2", "fd00:2::3", "fd00:1::/64"}} {
				t.Run(fmt.Sprintf("%s/%s/%s", b, existing, family), func(t *testing.T) {
					testExistingFlow(t, newWire(t, b), existing, address[0], address[1], address[2])
				})
			}
		}
	}
}

func testExistingFlow(t *testing.T, w *wire, existing plan.Existing, server, control, clients string) {
	k := w.agent()
	options := plan.Options{Node: "n", Existing: existing}
	allow, deny := plan.CompileWith(flowWorld(clients), options), plan.CompileWith(flowWorld("192.0.2.0/24"), options)
	w.sync(k, allow)
	w.opens(server, control, true)
	c, err := w.dial(server, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := says(c, "before", patience); err != nil {
		t.Fatalf("allowed flow: %v", err)
	}
	w.sync(k, deny)
	w.opens(server, control, false)
	if existing == plan.Keep {
		if err := says(c, "during", patience); err != nil {
			t.Errorf("established flow under keep: %v", err)
		}
		return
	}
	if err := says(c, "during", silence); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("established flow under cut: %v, want silence", err)
	}
	w.sync(k, allow)
	if err := hears(c, "during", patience); err != nil {
		t.Errorf("cut flow that is allowed again: %v", err)
	}
}

// TestUnknownPodOnARealKernel: a server that nobody has told the enforcer of is closed, and
// open once it is known.
func TestUnknownPodOnARealKernel(t *testing.T) {
	for _, b := range []kernel.Backend{kernel.NFT, kernel.Legacy} {
		t.Run(string(b), func(t *testing.T) {
			w := newWire(t, b)
			k := w.agent()
			s := flowWorld("10.0.1.0/24")
			options := plan.Options{Node: "n", DenyUnknown: true}
			server := s.Pods
			s.Pods = server[1:]
			w.sync(k, plan.CompileWith(s, options))
			w.opens("10.0.2.2", "10.0.2.3", false)
			w.opens("fd00:2::2", "fd00:2::3", false)
			s.Pods = server
			w.sync(k, plan.CompileWith(s, options))
			w.opens("10.0.2.2", "10.0.2.3", true)
			w.opens("fd00:2::2", "fd00:2::3", false) // known, and isolated: the block is IPv4
			if r := w.sync(w.agent(), plan.CompileWith(s, options)); r.Changed {
				t.Errorf("a restarted agent changed something: %+v", r)
			}
		})
	}
}

// TestLeftoversOfTheOtherBackend: they are found without being touched, and cleanup of both
// leaves nothing.
func TestLeftoversOfTheOtherBackend(t *testing.T) {
	sandbox.Require(t)
	ns, err := sandbox.NewNetNS("")
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	run := inside{ns}
	p := cluster(nil, "10.0.1.2")
	find := func(b kernel.Backend) int {
		t.Helper()
		found, err := kernel.Leftovers(t.Context(), run, b)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if n := find(kernel.NFT); n != 0 {
		t.Fatalf("leftovers in an empty namespace: %d", n)
	}
	for _, b := range []kernel.Backend{kernel.Legacy, kernel.NFT} {
		k := kernel.New(kernel.Options{Backend: b, Runner: run})
		if _, err := k.Sync(t.Context(), p, kernel.Hints{}); err != nil {
			t.Fatal(err)
		}
		version, err := k.Version(t.Context())
		if got, ok := kernel.BuildOf(version); err != nil || !ok || got != b {
			t.Errorf("%s says it is %q (%v)", b, version, err)
		}
	}
	if find(kernel.Legacy) != 2 || find(kernel.NFT) != 2 {
		t.Errorf("leftovers: %d families of legacy, %d of nft, want 2 each", find(kernel.Legacy), find(kernel.NFT))
	}
	if err := kernel.Cleanup(t.Context(), run, kernel.Auto, kernel.NFT, kernel.Legacy); err != nil {
		t.Fatal(err)
	}
	if find(kernel.Legacy) != 0 || find(kernel.NFT) != 0 {
		t.Error("cleanup left something")
	}
}
