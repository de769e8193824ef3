//go:build linux

package agent

import (
	"cmp"
	"net/netip"
	"os"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// rawProbe sends packets whose headers it writes itself. Nobody waits for an answer, which may
// go to somebody else: the receiver's receipt tells.
type rawProbe struct {
	fd  int
	src netip.AddrPort
}

func (p *rawProbe) start(a *attempt) {
	fd, err := a.c.rawSocket(familyOf(a.target.Addr.Addr()))
	if err != nil {
		a.finish(wire.Inconclusive, "", "packets of that form need NET_RAW: "+err.Error())
		return
	}
	own := a.target
	own.From, own.Form = netip.Addr{}, ""
	if a.fd, err = udpSocket(a.c.ports, own); err != nil { // whose port is nobody else's meanwhile
		a.finish(wire.Inconclusive, "", err.Error())
		return
	}
	if err := syscall.Connect(a.fd, sockaddr(a.target.Addr)); err != nil {
		a.fail("connect", err)
		return
	}
	p.fd, p.src = fd, localAddr(a.fd)
	if a.target.From.IsValid() {
		p.src = netip.AddrPortFrom(a.target.From, p.src.Port())
	}
	a.local = p.src
	a.arm()
	a.transmit()
}

func (p *rawProbe) send(a *attempt) {
	to := sockaddr(netip.AddrPortFrom(a.target.Addr.Addr(), 0))
	var err error
	for _, packet := range packets(a.target, p.src, uint32(a.target.Nonce)+uint32(a.sends.packets())) {
		err = cmp.Or(err, syscall.Sendto(p.fd, packet, 0, to))
	}
	if err = a.sends.note(os.NewSyscallError("send", err)); err != nil {
		a.fail("send", err)
	}
}

func (p *rawProbe) lastLook(a *attempt) { a.silent() }

// rawSocket is the socket for packets with headers, which all probes of a family share.
func (c *client) rawSocket(f family) (int, error) {
	if fd, ok := c.raw[f]; ok {
		return fd, nil
	}
	fd, err := newSocket(f, syscall.SOCK_RAW, syscall.IPPROTO_RAW)
	if err != nil {
		return -1, err
	}
	c.raw[f] = fd
	return fd, c.loop.add(fd, evIn|evEdge, func(uint32) {}) // by which it is closed; nothing comes
}
