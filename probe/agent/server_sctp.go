//go:build linux

package agent

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"syscall"

	"github.com/netassay/netassay/probe/agent/sctp"
	"github.com/netassay/netassay/probe/wire"
)

// sctpListener answers INITs: with INIT ACK on ports that are listened on, with ABORT on
// others, as a kernel with SCTP would. Where the kernel has SCTP, it does the answering
// (or its ABORTs would cross our INIT ACKs) and the listener only takes note.
//
// A raw socket sees all SCTP packets of its network namespace, so two probers in one
// namespace would answer for each other: run one per namespace.
type sctpListener struct {
	s       *server
	fd      int
	family  family
	ports   []uint16
	passive bool
}

// listenSCTP opens a listener per family. Without CAP_NET_RAW there is none, which the
// capabilities tell; a port that was asked for is not an error then, as the harness asks
// every prober for the same ports.
func (s *server) listenSCTP(cfg Config) error {
	var ports []uint16
	for _, p := range cfg.Listen {
		if p.Protocol == wire.SCTP {
			ports = append(ports, p.Number)
		}
	}
	for _, f := range cfg.Families {
		fd, err := openRaw(f, sctp.Protocol, chunkFilter(f, sctp.Init, sctp.Init))
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			return nil
		}
		if err != nil {
			return err
		}
		l := &sctpListener{s: s, fd: fd, family: f, ports: ports}
		if l.passive, err = s.kernelSCTP(f, ports); err != nil {
			return err
		}
		if err := reportDestination(fd, f); err != nil {
			return err
		}
		if err := s.loop.add(fd, evIn, func(uint32) { l.ready() }); err != nil {
			return err
		}
	}
	return nil
}

// kernelSCTP listens by the kernel's own SCTP on all ports; false when it has none.
func (s *server) kernelSCTP(f family, ports []uint16) (bool, error) {
	probe, err := newSocket(f, syscall.SOCK_STREAM, sctp.Protocol)
	if err != nil {
		return false, nil //nolint:nilerr // no such protocol: that is the answer
	}
	_ = syscall.Close(probe)
	for _, p := range ports {
		fd, err := newSocket(f, syscall.SOCK_STREAM, sctp.Protocol)
		if err != nil {
			return true, err
		}
		if err := bindTo(fd, f, p); err != nil {
			return true, err
		}
		if err := syscall.Listen(fd, backlog); err != nil {
			return true, os.NewSyscallError("listen", err)
		}
	}
	return true, nil
}

func (l *sctpListener) ready() {
	for range readBatch {
		if !l.read() {
			return
		}
	}
}

func (l *sctpListener) read() bool {
	var buf [2048]byte
	var oob [128]byte
	n, oobn, _, sa, err := syscall.Recvmsg(l.fd, buf[:], oob[:], 0)
	if err != nil {
		return !errors.Is(err, syscall.EAGAIN)
	}
	p, err := sctp.Parse(transport(l.family, buf[:n]))
	if err != nil || p.Type != sctp.Init {
		return true
	}
	l.answer(p, addrPort(sa).Addr(), parseAncillary(oob[:oobn]).dst)
	return true
}

func (l *sctpListener) answer(init sctp.Packet, from, to netip.Addr) {
	now := wire.Now()
	if !l.passive {
		var buf [512]byte
		reply := sctp.AppendAbort(buf[:0], init)
		if slices.Contains(l.ports, init.DstPort) {
			reply = sctp.AppendInitAck(buf[:0], init, max(1, rand.Uint32()), []byte(cookieMagic+l.s.name))
		}
		// A reply that can't be sent is one that the asker does not get: it will say so.
		_, _ = syscall.SendmsgN(l.fd, reply, fromAddr(to), sockaddr(netip.AddrPortFrom(from, 0)), 0)
	}
	if init.Nonce != 0 {
		l.s.receipts.add(wire.Receipt{
			Kind: wire.ReceiptData, Nonce: init.Nonce, Protocol: wire.SCTP, At: now,
			From: netip.AddrPortFrom(from, init.SrcPort), Port: init.DstPort,
		})
	}
}
