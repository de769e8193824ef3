package parity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/model"
)

// protocolNumbers are the protocols of flows in an IP header.
var protocolNumbers = map[corev1.Protocol]byte{corev1.ProtocolTCP: unix.IPPROTO_TCP, corev1.ProtocolUDP: unix.IPPROTO_UDP, corev1.ProtocolSCTP: unix.IPPROTO_SCTP}

// frame is the first packet of a flow as an Ethernet frame. The source port tells it from
// all others of a test.
func frame(to net.HardwareAddr, f model.Flow, sourcePort uint16) []byte {
	body := segment(f, sourcePort)
	var etherType uint16 = unix.ETH_P_IPV6
	packet := ipv6(f, body)
	if f.Client.Is4() {
		etherType, packet = unix.ETH_P_IP, ipv4(f, body)
	}
	out := slices.Concat(to, net.HardwareAddr{2, 0, 0, 0, 0, 1}, binary.BigEndian.AppendUint16(nil, etherType))
	return append(out, packet...)
}

func ipv4(f model.Flow, body []byte) []byte {
	h := make([]byte, 20)
	h[0], h[8], h[9] = 0x45, 64, protocolNumbers[f.Protocol]
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+len(body)))
	copy(h[12:], f.Client.AsSlice())
	copy(h[16:], f.Server.AsSlice())
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return append(h, body...)
}

func ipv6(f model.Flow, body []byte) []byte {
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, protocolNumbers[f.Protocol], 64
	binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
	copy(h[8:], f.Client.AsSlice())
	copy(h[24:], f.Server.AsSlice())
	return append(h, body...)
}

// segment is a TCP SYN, a UDP datagram or an SCTP INIT. Conntrack sees to it that packets
// with a wrong checksum are not of a known flow, which none of these is meant to be.
func segment(f model.Flow, sourcePort uint16) []byte {
	b := make([]byte, map[corev1.Protocol]int{corev1.ProtocolTCP: 20, corev1.ProtocolUDP: 8, corev1.ProtocolSCTP: 32}[f.Protocol])
	binary.BigEndian.PutUint16(b[0:], sourcePort)
	binary.BigEndian.PutUint16(b[2:], f.Port)
	switch f.Protocol {
	case corev1.ProtocolTCP:
		b[12], b[13] = 5<<4, 0x02
	case corev1.ProtocolUDP:
		binary.BigEndian.PutUint16(b[4:], 8)
	default:
		b[12], b[15], b[19] = 1, 20, 1 // chunk INIT, its length, the tag's last byte
	}
	return b
}

func checksum(h []byte) uint16 {
	var sum uint32
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// sourcePortOf reads the source port of a frame that looks like one of ours.
func sourcePortOf(b []byte) (uint16, bool) {
	offset := map[uint16]int{unix.ETH_P_IP: 34, unix.ETH_P_IPV6: 54}
	if len(b) < 14 {
		return 0, false
	}
	at, ok := offset[binary.BigEndian.Uint16(b[12:])]
	if !ok || len(b) < at+8 {
		return 0, false
	}
	return binary.BigEndian.Uint16(b[at:]), true
}

// wire is an open packet socket on each outer end of a router.
type wire struct {
	left, right int
}

func (r *router) open(t *testing.T) wire {
	t.Helper()
	var w wire
	must(t, r.left.Do(func() (err error) { w.left, err = packetSocket(r.leftIndex); return err }))
	t.Cleanup(func() { must(t, unix.Close(w.left)) })
	must(t, r.right.Do(func() (err error) { w.right, err = packetSocket(r.rightIndex); return err }))
	t.Cleanup(func() { must(t, unix.Close(w.right)) })
	return w
}

func packetSocket(index int) (int, error) {
	all := int(binary.BigEndian.Uint16([]byte{unix.ETH_P_ALL & 0xff, unix.ETH_P_ALL >> 8}))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
	if err != nil {
		return 0, fmt.Errorf("open packet socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: index}); err != nil {
		return 0, errors.Join(fmt.Errorf("bind packet socket: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// sentinel is a flow that no scenario isolates. It is sent after the others; once it has
// come through again and again, what was sent before it has come through or never will.
var sentinel = model.Flow{
	Client: netip.MustParseAddr("172.31.0.1"), Server: netip.MustParseAddr("172.31.0.2"),
	Protocol: corev1.ProtocolUDP, Port: 9,
}

const (
	firstPort      = 20000
	sentinelPort   = 1000
	sentinelRounds = 20
	patience       = 10 * time.Second
)

// send writes the first packet of every flow on the left and returns which came out on
// the right.
func (r *router) send(t *testing.T, w wire, flows []model.Flow) []bool {
	t.Helper()
	through := make([]bool, len(flows))
	for i, f := range flows {
		must(t, unix.Send(w.left, frame(r.mac, f, firstPort+uint16(i)), 0))
		r.collect(t, w, through)
	}
	deadline := time.Now().Add(patience)
	for seen := 0; seen < sentinelRounds; {
		if time.Now().After(deadline) {
			t.Fatalf("the sentinel came through %d times in %s", seen, patience)
		}
		must(t, unix.Send(w.left, frame(r.mac, sentinel, sentinelPort), 0))
		fds := []unix.PollFd{{Fd: int32(w.right), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, 50); err != nil && !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
		seen += r.collect(t, w, through)
	}
	return through
}

// collect reads what is there on the right and returns how many sentinels were among it.
func (r *router) collect(t *testing.T, w wire, through []bool) (sentinels int) {
	t.Helper()
	buf := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(w.right, buf, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return sentinels
		}
		must(t, err)
		port, ok := sourcePortOf(buf[:n])
		switch {
		case ok && port == sentinelPort:
			sentinels++
		case ok && port >= firstPort && int(port-firstPort) < len(through):
			through[port-firstPort] = true
		}
	}
}
