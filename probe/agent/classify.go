//go:build linux

package agent

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// classify says what an errno means that ended a probe in connect, send or receive.
//
// ICMP errors reach sockets as errnos (icmp(7), ipv6(7)); which one depends on the family:
// "administratively prohibited" is EHOSTUNREACH in IPv4 and EACCES in IPv6, "protocol
// unreachable" is ENOPROTOOPT and EPROTO.
func classify(errno syscall.Errno) wire.Result {
	switch errno {
	case syscall.ECONNREFUSED, syscall.ENOPROTOOPT, syscall.EPROTO:
		return wire.Refused
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES, syscall.EHOSTDOWN, syscall.ENONET:
		return wire.Unreachable
	default:
		// EMFILE, EADDRNOTAVAIL, ENOBUFS, ECONNRESET after the handshake, …: whatever
		// it is, it is no packet filter's verdict.
		return wire.Inconclusive
	}
}

// describe is what an observation says about err: the step that it ended and its name.
func describe(step string, err error) (wire.Result, string) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return wire.Inconclusive, fmt.Sprintf("%s: %v", step, err)
	}
	return classify(errno), fmt.Sprintf("%s: %v (%s)", step, errno, errnoName(errno))
}

func errnoName(e syscall.Errno) string {
	names := map[syscall.Errno]string{
		syscall.ECONNREFUSED: "ECONNREFUSED", syscall.ENOPROTOOPT: "ENOPROTOOPT", syscall.EPROTO: "EPROTO",
		syscall.EHOSTUNREACH: "EHOSTUNREACH", syscall.ENETUNREACH: "ENETUNREACH", syscall.EACCES: "EACCES",
		syscall.EHOSTDOWN: "EHOSTDOWN", syscall.ENONET: "ENONET", syscall.EPERM: "EPERM", syscall.EAGAIN: "EAGAIN",
		syscall.EMFILE: "EMFILE", syscall.ENFILE: "ENFILE", syscall.EADDRNOTAVAIL: "EADDRNOTAVAIL",
		syscall.EADDRINUSE: "EADDRINUSE", syscall.ENOBUFS: "ENOBUFS", syscall.ECONNRESET: "ECONNRESET",
		syscall.EINVAL: "EINVAL", syscall.EAFNOSUPPORT: "EAFNOSUPPORT", syscall.ETIMEDOUT: "ETIMEDOUT",
		syscall.ENOMEM: "ENOMEM", syscall.EPIPE: "EPIPE", syscall.EPROTONOSUPPORT: "EPROTONOSUPPORT",
	}
	if name, ok := names[e]; ok {
		return name
	}
	return fmt.Sprintf("errno %d", int(e))
}

// maxLate is how late a deadline may be noticed. Answers that came in the meantime are
// looked at first in any case; beyond this much, retransmissions did not happen when they
// should have, and silence proves nothing.
const maxLate = 100 * time.Millisecond

// silence is the result of an attempt that has seen nothing until now.
func silence(a *attempt, now time.Duration) (r wire.Result, text string) {
	if late := now - a.deadline; late > maxLate {
		return wire.Inconclusive, fmt.Sprintf("prober starved by %d ms", late.Milliseconds())
	}
	return wire.Dropped, ""
}
