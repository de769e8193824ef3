package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/probe/agent"
	"github.com/netassay/netassay/probe/wire"
)

// proberVar makes the test binary be the prober.
const proberVar = "NETASSAY_TEST_PROBER"

func TestMain(m *testing.M) {
	if os.Getenv(proberVar) != "" {
		os.Exit(agent.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	sandbox.TestMain(m)
}

// host is a network namespace with a prober in it.
type host struct {
	t    testing.TB
	name string
	ns   *sandbox.NetNS
	ip   map[string]netip.Addr // by family
}

// listen is what all test probers listen on.
const listen = "80/tcp,80/udp,80/sctp"

// network is hosts on one bridge, in namespaces of their own.
type network struct {
	t     testing.TB
	hub   *sandbox.NetNS
	hosts []*host
	fleet *Fleet
}

// newNetwork makes n hosts without probers.
func newNetwork(t testing.TB, n int) *network {
	t.Helper()
	sandbox.Require(t)
	net := &network{t: t, hub: newNS(t), fleet: NewFleet()}
	t.Cleanup(func() {
		if err := net.fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, run(net.hub, "ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0"))
	must(t, run(net.hub, "ip", "link", "set", "br0", "up"))
	for i := range n {
		net.hosts = append(net.hosts, net.newHost(i))
	}
	return net
}

func newNS(t testing.TB) *sandbox.NetNS {
	t.Helper()
	ns, err := sandbox.NewNetNS("")
	must(t, err)
	t.Cleanup(func() { must(t, ns.Close()) })
	return ns
}

func (n *network) newHost(i int) *host {
	n.t.Helper()
	h := &host{t: n.t, name: fmt.Sprintf("x/%c", 'a'+i), ns: newNS(n.t), ip: map[string]netip.Addr{
		"ipv4": netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)}),
		"ipv6": netip.MustParseAddr(fmt.Sprintf("fd77::%x", i+1)),
	}}
	port := fmt.Sprintf("port%d", i)
	// Made inside the hub, then moved by the host's thread, which has both open.
	must(n.t, h.ns.Do(func() error {
		cmd := exec.Command("ip", "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", "/proc/self/fd/3")
		cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(dup(n.t, n.hub.Fd())), "hub")}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%v: %w: %s", cmd.Args, err, out)
		}
		return nil
	}))
	for _, args := range []string{
		"link set eth0 up", "addr add " + h.ip["ipv4"].String() + "/24 dev eth0",
		"addr add " + h.ip["ipv6"].String() + "/64 dev eth0 nodad",
	} {
		must(n.t, run(h.ns, "ip", strings.Fields(args)...))
	}
	must(n.t, run(n.hub, "ip", "link", "set", port, "master", "br0", "up"))
	return h
}

func dup(t testing.TB, fd int) int {
	t.Helper()
	copied, err := syscall.Dup(fd)
	must(t, err)
	return copied
}

// start starts a prober on each host.
func (n *network) start() {
	n.t.Helper()
	for _, h := range n.hosts {
		must(n.t, n.fleet.Add(n.t.Context(), h.name, h.dial(listen)))
	}
	for _, client := range n.hosts {
		n.await(client)
	}
}

// await waits until the bridge forwards from this host to all others: on a busy machine it
// may take a second until a new port does.
func (n *network) await(client *host) {
	n.t.Helper()
	var ts []Target
	for _, server := range n.hosts {
		for _, family := range families {
			ts = append(ts, server.target(family, wire.TCP, time.Second))
		}
	}
	until(n.t, "the network is up", func() bool {
		obs, err := n.fleet.Probe(n.t.Context(), client.name, ts)
		must(n.t, err)
		return !slices.ContainsFunc(obs, func(o Observation) bool { return o.Result != Connected })
	})
}

// dial starts a prober in the host.
func (h *host) dial(ports string) Dial {
	return func(context.Context) (io.ReadWriteCloser, error) {
		cmd := exec.Command("/proc/self/exe", "run", "--name", h.name, "--listen", ports)
		cmd.Env = append(os.Environ(), proberVar+"=1")
		cmd.Stderr = os.Stderr
		return startProcess(h.ns, cmd)
	}
}

// process is a prober's process and its streams.
type process struct {
	io.Reader
	io.WriteCloser
	cmd *exec.Cmd
}

func startProcess(ns *sandbox.NetNS, cmd *exec.Cmd) (*process, error) {
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, ns.Do(cmd.Start)); err != nil {
		return nil, err
	}
	return &process{Reader: out, WriteCloser: in, cmd: cmd}, nil
}

// Close ends the prober as a lost stream does, and checks that it does end.
func (p *process) Close() error {
	if err := p.WriteCloser.Close(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // killed ones are fine
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		panic("prober did not end with its standard input")
	}
}

// run runs a command inside a namespace.
func run(ns *sandbox.NetNS, name string, args ...string) error {
	_, err := output(ns, name, args...)
	return err
}

// output is what a command inside a namespace says.
func output(ns *sandbox.NetNS, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := ns.Do(cmd.Start); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out.String())
	}
	return out.String(), nil
}

// iptables changes the host's rules for one family.
func (h *host) iptables(family, args string) {
	h.t.Helper()
	name := map[string]string{"ipv4": "iptables", "ipv6": "ip6tables"}[family]
	must(h.t, run(h.ns, name, append([]string{"-w"}, strings.Fields(args)...)...))
}

// target is the host's port 80.
func (h *host) target(family, protocol string, timeout time.Duration) Target {
	return Target{Addr: netip.AddrPortFrom(h.ip[family], 80), Protocol: protocol, Timeout: timeout}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// probe makes one probe.
func (n *network) probe(client *host, target Target) Observation {
	n.t.Helper()
	return n.unstarved(client, target)[0]
}

// unstarved makes a round, and again when the machine was so busy with other things that a
// prober did not get the CPU in time: the prober says so, or how few packets it could send,
// which is right, but is not what the test is about.
func (n *network) unstarved(client *host, ts ...Target) []Observation {
	n.t.Helper()
	for range 20 {
		obs, err := n.fleet.Probe(n.t.Context(), client.name, ts)
		must(n.t, err)
		if len(obs) != len(ts) {
			n.t.Fatalf("%d observations for %d targets", len(obs), len(ts))
		}
		starved := func(o Observation) bool {
			return o.Result == Dropped && o.Packets < 2 ||
				o.Result == Inconclusive && (strings.Contains(o.Err, "starved") || strings.Contains(o.Err, "read the packet only"))
		}
		if !slices.ContainsFunc(obs, starved) {
			return obs
		}
	}
	n.t.Fatal("the machine is too busy: probers were starved 20 times in a row")
	return nil
}

// Each family and protocol that is probed.
var (
	families  = []string{"ipv4", "ipv6"}
	protocols = []string{wire.TCP, wire.UDP, wire.SCTP}
)

// inEach runs f as a subtest for each family and protocol, whose names follow prefix.
func inEach(t *testing.T, prefix string, f func(t *testing.T, family, protocol string)) {
	t.Helper()
	for _, family := range families {
		for _, protocol := range protocols {
			t.Run(prefix+family+"/"+protocol, func(t *testing.T) { f(t, family, protocol) })
		}
	}
}
