package parity

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/netassay/netassay/internal/sandbox"
)

// router is a network namespace that forwards whatever comes in on its left to its right,
// and back. The test holds the other ends of both links in namespaces of their own, and
// has no addresses there: packets are written and read as frames.
type router struct {
	ns, left, right       *sandbox.NetNS
	leftIndex, rightIndex int
	mac                   net.HardwareAddr // of the router's left side
}

func newRouter(t *testing.T) *router {
	t.Helper()
	r := &router{}
	for _, ns := range []**sandbox.NetNS{&r.ns, &r.left, &r.right} {
		n, err := sandbox.NewNetNS("")
		must(t, err)
		t.Cleanup(func() { must(t, n.Close()) })
		*ns = n
	}
	must(t, r.ns.Do(func() error {
		return firstError(
			func() error { return sysctls() },
			func() error { return link("left", "l1", r.left) },
			func() error { return link("right", "r1", r.right) },
		)
	}))
	r.leftIndex, _ = indexOf(t, r.left, "l1")
	r.rightIndex, _ = indexOf(t, r.right, "r1")
	_, r.mac = indexOf(t, r.ns, "left")
	_, rightMAC := indexOf(t, r.right, "r1")
	r.run(t, fmt.Sprintf(`ip neigh replace 169.254.0.1 lladdr %[1]s dev right nud permanent
ip -6 neigh replace fe80::99 lladdr %[1]s dev right nud permanent
ip route add default via 169.254.0.1 dev right onlink table 7
ip -6 route add default via fe80::99 dev right onlink table 7
ip rule add iif left lookup 7
ip -6 rule add iif left lookup 7
ip route add default dev left
ip -6 route add default dev left`, rightMAC))
	return r
}

func sysctls() error {
	for key, value := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv6/conf/default/accept_dad": "0",
	} {
		if err := os.WriteFile("/proc/sys/net/"+key, []byte(value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// link makes a veth pair whose far end is in another namespace, both up.
func link(near, far string, ns *sandbox.NetNS) error {
	err := netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: near}, PeerName: far, PeerNamespace: netlink.NsFd(ns.Fd()),
	})
	if err != nil {
		return fmt.Errorf("add link %s: %w", near, err)
	}
	if err := up(near); err != nil {
		return err
	}
	return ns.Do(func() error { return up(far) })
}

func up(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	return netlink.LinkSetUp(l)
}

func indexOf(t *testing.T, ns *sandbox.NetNS, name string) (index int, mac net.HardwareAddr) {
	t.Helper()
	must(t, ns.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err == nil {
			index, mac = l.Attrs().Index, l.Attrs().HardwareAddr
		}
		return err
	}))
	return index, mac
}

// run runs commands in the router, one per line, and stops the test at the first failure.
func (r *router) run(t *testing.T, script string) {
	t.Helper()
	for line := range strings.Lines(script) {
		_, err := r.exec(strings.Fields(line), nil)
		must(t, err)
	}
}

// exec runs one command in the router and returns its output.
func (r *router) exec(argv []string, stdin io.Reader) (string, error) {
	var out bytes.Buffer
	err := r.ns.Do(func() error {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &out
		return cmd.Run()
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out.String())
	}
	return out.String(), nil
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
