package scenarios

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/internal/sandbox"
)

// TestScenario47OptionsAndFragments: a pod sends datagrams behind IPv4 options, or IPv6
// hop-by-hop and destination options, or in fragments. They are judged as any others are: what
// may not be sent so is dropped, and what may be gets through.
//
// Source: the project's own.
//
// Level: real kernel with packets, both families and backends, pods with routes of their own and on a bridge.
//
// Lab: cases options-egress, options-ingress, options-ports, fragments-egress, fragments-ingress, fragments-ports, which observe the half that gets through.
func TestScenario47OptionsAndFragments(t *testing.T) {
	s := world()
	onNodes(t, s, func(n *plugged) {
		n.enforce(with(t, s, "x/some", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {pod: a}}}]}]}`))
		for family := range 2 {
			for server, want := range map[string]bool{"y/a": true, "x/b": false} {
				to := podOf(&s, server).IPs[family]
				for what, send := range map[string]func(*sandbox.NetNS, netip.Addr, string){"options": n.sendBehindOptions, "fragments": n.sendInFragments} {
					n.expect("x/a to "+server+": "+what, want, server, to.String(), func(text string) { send(n.pods["x/a"], to, text) })
				}
			}
		}
	}, "x/a", "x/b", "y/a")
}

// sendBehindOptions sends a datagram with options that mean nothing.
func (n *plugged) sendBehindOptions(from *sandbox.NetNS, to netip.Addr, text string) {
	n.t.Helper()
	n.sendBy(from, to, text, func(fd int) error {
		if to.Is4() {
			return unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_OPTIONS, "\x01\x01\x01\x00")
		}
		const padding = "\x00\x00\x01\x04\x00\x00\x00\x00"
		return errors.Join(unix.SetsockoptString(fd, unix.IPPROTO_IPV6, unix.IPV6_HOPOPTS, padding),
			unix.SetsockoptString(fd, unix.IPPROTO_IPV6, unix.IPV6_DSTOPTS, padding))
	})
}

// sendInFragments sends a datagram that is larger than a packet.
func (n *plugged) sendInFragments(from *sandbox.NetNS, to netip.Addr, text string) {
	n.t.Helper()
	n.sendBy(from, to, string(make([]byte, 3000))+text, func(int) error { return nil })
}

func (n *plugged) sendBy(from *sandbox.NetNS, to netip.Addr, text string, prepare func(fd int) error) {
	n.t.Helper()
	n.do(from, func() error {
		c, err := net.Dial("udp", net.JoinHostPort(to.String(), fmt.Sprint(anywhere)))
		if err != nil {
			return err
		}
		defer c.Close()
		raw, err := c.(*net.UDPConn).SyscallConn()
		if err != nil {
			return err
		}
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = prepare(int(fd)) }); err != nil || failed != nil {
			return errors.Join(err, failed)
		}
		_, err = c.Write([]byte(text))
		return err
	})
}
