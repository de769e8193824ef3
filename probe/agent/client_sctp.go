//go:build linux

package agent

import (
	"errors"
	"net/netip"
	"os"
	"syscall"

	"github.com/netassay/netassay/probe/agent/sctp"
	"github.com/netassay/netassay/probe/wire"
)

// cookieMagic begins the state cookie of an INIT ACK that a prober made; its name follows.
const cookieMagic = "netassay "

// sctpClient is the raw socket that all SCTP probes of one family share.
type sctpClient struct {
	c       *client
	family  family
	fd      int
	waiting map[association]*attempt
}

// association is a probe as its answers name it.
type association struct {
	server netip.AddrPort
	port   uint16 // ours
}

func openSCTPClient(c *client, f family) (*sctpClient, error) {
	fd, err := openRaw(f, sctp.Protocol, chunkFilter(f, sctp.InitAck, sctp.Abort))
	if err != nil {
		return nil, err
	}
	if err := reportICMP(fd, f); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	s := &sctpClient{c: c, family: f, fd: fd, waiting: map[association]*attempt{}}
	return s, c.loop.add(fd, evIn, func(uint32) { s.ready() })
}

// sctpProbe sends an INIT and waits for INIT ACK or ABORT.
type sctpProbe struct {
	socket *sctpClient
	key    association
	tag    uint32
	packet []byte
	oob    []byte
}

func (p *sctpProbe) start(a *attempt) {
	t := a.target
	p.socket = a.c.sctp[familyOf(t.Addr.Addr())]
	if p.socket == nil {
		a.finish(wire.Inconclusive, "", a.c.noSCTP)
		return
	}
	local := t.From
	if !local.IsValid() {
		var err error
		if local, err = routeTo(t.Addr); err != nil {
			a.fail("route", err)
			return
		}
	}
	port := a.c.ports.next(t.Protocol, t.Addr)
	a.local = netip.AddrPortFrom(local, port)
	p.key = association{server: t.Addr, port: port}
	p.tag = max(1, uint32(t.Nonce))
	p.packet = sctp.AppendInit(nil, port, t.Addr.Port(), p.tag, t.Nonce)
	p.oob = fromAddr(local)
	p.socket.waiting[p.key] = a
	a.arm()
	a.transmit()
}

// routeTo is the address that packets to addr leave from. No packet is sent.
func routeTo(addr netip.AddrPort) (netip.Addr, error) {
	fd, err := newSocket(familyOf(addr.Addr()), syscall.SOCK_DGRAM, 0)
	if err != nil {
		return netip.Addr{}, err
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.Connect(fd, sockaddr(addr)); err != nil {
		return netip.Addr{}, os.NewSyscallError("connect", err)
	}
	return localAddr(fd).Addr(), nil
}

func (p *sctpProbe) send(a *attempt) {
	err := p.socket.send(p.packet, p.oob, a.target.Addr.Addr())
	if err = a.sends.note(os.NewSyscallError("send", err)); err != nil {
		a.fail("send", err)
	}
}

// send sends one packet. An ICMP error for an earlier packet of another probe may wait on
// the socket and would be taken for this one's: it is taken off first, and once more
// while it can have come in between.
func (s *sctpClient) send(packet, oob []byte, to netip.Addr) error {
	var err error
	for range 4 {
		_ = pendingError(s.fd)
		if _, err = syscall.SendmsgN(s.fd, packet, oob, sockaddr(netip.AddrPortFrom(to, 0)), 0); err == nil {
			return nil
		}
	}
	return err
}

func (p *sctpProbe) lastLook(a *attempt) {
	if p.socket.ready(); !a.over {
		a.silent()
	}
}

// forget ends the wait for answers.
func (p *sctpProbe) forget(a *attempt) {
	if p.socket != nil && p.socket.waiting[p.key] == a {
		delete(p.socket.waiting, p.key)
	}
}

// ready takes in all ICMP errors and packets that are there.
func (s *sctpClient) ready() {
	for s.readError() {
	}
	_ = pendingError(s.fd)
	for s.readPacket() {
	}
}

func (s *sctpClient) readError() bool {
	var buf, oob [512]byte
	n, oobn, _, from, err := syscall.Recvmsg(s.fd, buf[:], oob[:], syscall.MSG_ERRQUEUE)
	if err != nil {
		return false
	}
	info := parseAncillary(oob[:oobn])
	src, dst, ok := sctp.Ports(buf[:n])
	key := association{server: netip.AddrPortFrom(addrPort(from).Addr(), dst), port: src}
	if a := s.waiting[key]; ok && info.icmp && a != nil {
		a.fail("ICMP", info.err)
	}
	return true
}

func (s *sctpClient) readPacket() bool {
	var buf [2048]byte
	n, from, err := syscall.Recvfrom(s.fd, buf[:], 0)
	if err != nil {
		// EAGAIN: that was all. Others belong to packets that were sent, and their
		// ICMP message is in the error queue.
		return !errors.Is(err, syscall.EAGAIN)
	}
	p, err := sctp.Parse(transport(s.family, buf[:n]))
	if err != nil {
		return true
	}
	key := association{server: netip.AddrPortFrom(addrPort(from).Addr(), p.SrcPort), port: p.DstPort}
	a := s.waiting[key]
	if a == nil || p.Tag != a.protocol.(*sctpProbe).tag {
		return true
	}
	switch p.Type {
	case sctp.InitAck:
		a.finish(wire.Connected, cookieName(p.Cookie), "")
	case sctp.Abort:
		a.finish(wire.Refused, "", "SCTP ABORT")
	case sctp.Init:
	}
	return true
}

// cookieName is who made the cookie; "" when no prober did.
func cookieName(cookie []byte) string {
	if len(cookie) < len(cookieMagic) || string(cookie[:len(cookieMagic)]) != cookieMagic {
		return ""
	}
	return string(cookie[len(cookieMagic):])
}
