package scenarios

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/internal/sandbox"
)

// inside runs the real tools in a network namespace.
type inside struct{ ns *sandbox.NetNS }

func (r inside) Run(ctx context.Context, c kernel.Command) (out []byte, err error) {
	doErr := r.ns.Do(func() error {
		out, err = kernel.Exec{}.Run(ctx, c)
		return nil
	})
	if doErr != nil {
		return nil, doErr
	}
	return out, err
}

func newNS(t *testing.T) *sandbox.NetNS {
	t.Helper()
	ns, err := sandbox.NewNetNS("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	})
	return ns
}

// onBackends runs a test on a real kernel, once per build of iptables.
func onBackends(t *testing.T, test func(t *testing.T, b kernel.Backend)) {
	t.Helper()
	sandbox.Require(t)
	for _, b := range []kernel.Backend{kernel.NFT, kernel.Legacy} {
		t.Run(string(b), func(t *testing.T) { test(t, b) })
	}
}

// onKernels runs a test on the simulated kernel and on both real backends.
func onKernels(t *testing.T, test func(t *testing.T, run kernel.Runner, b kernel.Backend)) {
	t.Helper()
	t.Run("simulated", func(t *testing.T) { test(t, fake.New(), kernel.Auto) })
	onBackends(t, func(t *testing.T, b kernel.Backend) { test(t, inside{newNS(t)}, b) })
}

// xtables is a tool's name.
func xtables(b kernel.Backend, action string) string {
	if b == kernel.Auto {
		return "iptables-" + action
	}
	return "iptables-" + string(b) + "-" + action
}

// run is another tool at work.
func run(t *testing.T, r kernel.Runner, argv, stdin string) string {
	t.Helper()
	out, err := r.Run(context.Background(), command(argv, stdin))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// lane is a client and a server with a node between them: three network namespaces with
// no way out.
type lane struct {
	t                    *testing.T
	client, node, server *sandbox.NetNS
	address              string // of the server
	listener             net.Listener
}

const (
	laneClient, laneServer, laneVIP = "10.1.0.2", "10.2.0.2", "10.96.0.10"
	bridgedServer                   = "10.1.0.3"
)

// newLane is a routed lane, or a bridged one, on which both ends are in one subnet.
func newLane(t *testing.T, bridged bool) *lane {
	t.Helper()
	l := &lane{t: t, client: newNS(t), node: newNS(t), server: newNS(t), address: laneServer}
	l.link(l.client, "c", laneClient)
	if bridged {
		l.address = bridgedServer
		l.link(l.server, "s", bridgedServer)
		l.exec(l.node, "ip link add name br0 type bridge", "ip link set br0 up", "ip link set c master br0", "ip link set s master br0", "ip address add 10.1.0.1/24 dev br0")
	} else {
		l.link(l.server, "s", laneServer)
		l.exec(l.node, "ip address add 10.1.0.1/24 dev c", "ip address add 10.2.0.1/24 dev s")
		l.exec(l.client, "ip route add default via 10.1.0.1")
		l.exec(l.server, "ip route add default via 10.2.0.1")
		l.do(l.node, func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) })
	}
	l.do(l.server, func() (err error) {
		l.listener, err = net.Listen("tcp", l.address+":80")
		return err
	})
	t.Cleanup(func() { _ = l.listener.Close() }) // ends serve
	go serve(l.listener)
	return l
}

func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.Close() // a connect is all that is asked for
	}
}

// link is a wire from the node's end NAME to the one named eth0 in ns.
func (l *lane) link(ns *sandbox.NetNS, name, address string) {
	l.t.Helper()
	l.do(l.node, func() error { return veth(name, "eth0", ns) })
	l.exec(ns, "ip address add "+address+"/24 dev eth0", "ip link set eth0 up")
	l.exec(l.node, "ip link set "+name+" up")
}

func (l *lane) do(ns *sandbox.NetNS, f func() error) {
	l.t.Helper()
	if err := ns.Do(f); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lane) exec(ns *sandbox.NetNS, lines ...string) {
	l.t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		l.do(ns, func() error {
			out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
			if err != nil {
				return errors.Join(err, errors.New(line+": "+string(out)))
			}
			return nil
		})
	}
}

// silence is how long an answer is waited for before it counts as dropped. Answers come
// within a millisecond; what is waited for is a packet that never comes.
const silence = 300 * time.Millisecond

// connects reports whether the client reaches an address. Only silence is a no: any other
// error ends the test.
func (l *lane) connects(address string) bool {
	l.t.Helper()
	var err error
	l.do(l.client, func() error {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", address, silence); err == nil {
			return c.Close()
		}
		return nil
	})
	var timeout net.Error
	if err != nil && (!errors.As(err, &timeout) || !timeout.Timeout()) {
		l.t.Fatalf("connect to %s: %v", address, err)
	}
	return err == nil
}

// reaches polls until the client reaches an address: after a silence, a connection may take
// longer on a busy machine.
func (l *lane) reaches(addresses ...string) {
	l.t.Helper()
	for _, a := range addresses {
		end := time.Now().Add(20 * time.Second)
		for !l.connects(a) {
			if time.Now().After(end) {
				l.t.Fatalf("%s can't be reached", a)
			}
		}
	}
}

// blocked fails when one of several tries gets through.
func (l *lane) blocked(addresses ...string) {
	l.t.Helper()
	for _, a := range addresses {
		if slices.Contains([]bool{l.connects(a), l.connects(a)}, true) {
			l.t.Errorf("%s can be reached", a)
		}
	}
}
