//go:build linux

package agent

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"

	"github.com/netassay/netassay/probe/wire"
)

// icmpProbe sends an echo request, which the kernel at the other end answers.
type icmpProbe struct{ family family }

// Types of ICMP messages, by family.
const (
	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
	echoLen                  = 16 // header, and the nonce
)

func (p *icmpProbe) start(a *attempt) {
	p.family = familyOf(a.target.Addr.Addr())
	proto := syscall.IPPROTO_ICMP
	if p.family == ipv6 {
		proto = syscall.IPPROTO_ICMPV6
	}
	fd, err := newSocket(p.family, syscall.SOCK_RAW, proto)
	if err != nil {
		a.finish(wire.Inconclusive, "", "ICMP probes need NET_RAW: "+err.Error())
		return
	}
	a.ask(fd, func() { p.read(a) })
}

func (p *icmpProbe) send(a *attempt) {
	_, err := syscall.Write(a.fd, p.echo(a.target.Nonce, uint16(a.sends.packets())))
	if err = a.sends.note(os.NewSyscallError("send", err)); err != nil {
		a.fail("send", err)
	}
}

// echo is a request. The kernel fills in the checksum of IPv6.
func (p *icmpProbe) echo(nonce uint64, seq uint16) []byte {
	m := make([]byte, echoLen)
	binary.BigEndian.PutUint16(m[4:], uint16(nonce))
	binary.BigEndian.PutUint16(m[6:], seq)
	binary.BigEndian.PutUint64(m[8:], nonce)
	if p.family == ipv6 {
		m[0] = echoRequest6
		return m
	}
	m[0] = echoRequest4
	sum := uint32(0)
	for i := 0; i < len(m); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(m[i:]))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(m[2:], ^uint16(sum+sum>>16))
	return m
}

// read looks for the reply among what else comes from the other end.
func (p *icmpProbe) read(a *attempt) {
	reply := byte(echoReply4)
	if p.family == ipv6 {
		reply = echoReply6
	}
	var buf [512]byte
	for !a.over {
		n, err := syscall.Read(a.fd, buf[:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil:
			a.fail("receive", err)
			return
		}
		if m := transport(p.family, buf[:n]); len(m) >= echoLen && m[0] == reply && binary.BigEndian.Uint64(m[8:]) == a.target.Nonce {
			a.finish(wire.Connected, "", "")
		}
	}
}

func (p *icmpProbe) lastLook(a *attempt) {
	if p.read(a); !a.over {
		a.silent()
	}
}
