//go:build linux

package agent

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// Socket options that package syscall lacks, from Linux's uapi headers.
const (
	ipRecvErr   = 11 // IP_RECVERR
	ipv6RecvErr = 25 // IPV6_RECVERR
	soStamp     = 35 // SO_TIMESTAMPNS
	soRxqOvfl   = 40 // SO_RXQ_OVFL
	ipv6PktInfo = 50 // IPV6_PKTINFO
	bindNoPort  = 24 // IP_BIND_ADDRESS_NO_PORT, of both families
)

// family is an IP family by its name on the command line.
type family string

const (
	ipv4 family = "ipv4"
	ipv6 family = "ipv6"
)

func (f family) domain() int {
	if f == ipv6 {
		return syscall.AF_INET6
	}
	return syscall.AF_INET
}

// wildcard is the address that stands for all of the family's.
func (f family) wildcard() netip.Addr {
	if f == ipv6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return ipv4
	}
	return ipv6
}

// newSocket opens a non-blocking socket that serves one family only.
func newSocket(f family, kind, proto int) (int, error) {
	fd, err := syscall.Socket(f.domain(), kind|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, proto)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if f == ipv6 && kind != syscall.SOCK_RAW {
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 1); err != nil {
			_ = syscall.Close(fd)
			return -1, os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	return fd, nil
}

// reportICMP has ICMP errors reported on a datagram socket, also those that the kernel
// takes for transient.
func reportICMP(fd int, f family) error {
	if f == ipv6 {
		return os.NewSyscallError("setsockopt IPV6_RECVERR", syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, ipv6RecvErr, 1))
	}
	return os.NewSyscallError("setsockopt IP_RECVERR", syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipRecvErr, 1))
}

// reportDestination has the address that a datagram was sent to come with it.
func reportDestination(fd int, f family) error {
	if f == ipv6 {
		return os.NewSyscallError("setsockopt IPV6_RECVPKTINFO",
			syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO, 1))
	}
	return os.NewSyscallError("setsockopt IP_PKTINFO", syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1))
}

// addOptions puts options into all packets of a socket: paddings, which mean nothing.
func addOptions(fd int, f family) error {
	const ipOptions, ipv6HopByHop, ipv6DstOptions = 4, 54, 59
	if f == ipv4 {
		return os.NewSyscallError("setsockopt IP_OPTIONS", syscall.SetsockoptString(fd, syscall.IPPROTO_IP, ipOptions, "\x01\x01\x01\x00"))
	}
	for _, option := range []int{ipv6HopByHop, ipv6DstOptions} {
		if err := syscall.SetsockoptString(fd, syscall.IPPROTO_IPV6, option, "\x00\x00\x01\x04\x00\x00\x00\x00"); err != nil {
			return os.NewSyscallError("setsockopt IPV6_HOPOPTS or IPV6_DSTOPTS", err)
		}
	}
	return nil
}

// resetOnClose makes close send a RST: no TIME_WAIT on either side.
func resetOnClose(fd int) error {
	return os.NewSyscallError("setsockopt SO_LINGER",
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}))
}

// sharePort lets other sockets of the same kind bind to the port that this one uses, as long
// as their connections have other ends.
func sharePort(fd int) error {
	return os.NewSyscallError("setsockopt SO_REUSEADDR", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
}

func sockaddr(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	zone, _ := strconv.Atoi(a.Addr().Zone()) // of link-local addresses: the number of the link
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: uint32(zone)}
}

func addrPort(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		addr := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 {
			addr = addr.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return netip.AddrPortFrom(addr, uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// localAddr is the address that fd is bound to, invalid when it is not.
func localAddr(fd int) netip.AddrPort {
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

// pendingError takes the error that waits on fd.
func pendingError(fd int) error {
	errno, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	switch {
	case err != nil:
		return os.NewSyscallError("getsockopt SO_ERROR", err)
	case errno != 0:
		return syscall.Errno(errno)
	}
	return nil
}

// has reports whether this machine speaks the family.
func (f family) has() bool {
	fd, err := newSocket(f, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return false
	}
	defer func() { _ = syscall.Close(fd) }()
	return syscall.Bind(fd, sockaddr(netip.AddrPortFrom(f.wildcard(), 0))) == nil
}

// bindTo binds fd to the port on all addresses of the family.
func bindTo(fd int, f family, port uint16) error { return bindAt(fd, f.wildcard(), port) }

func bindAt(fd int, addr netip.Addr, port uint16) error {
	if err := syscall.Bind(fd, sockaddr(netip.AddrPortFrom(addr, port))); err != nil {
		return fmt.Errorf("bind to port %d of %s: %w", port, addr, err)
	}
	return nil
}

// leaveFrom makes the connections of fd leave from src, if that is given, by a port that is
// chosen when it connects: then others can have the same one to other ends.
func leaveFrom(fd int, src netip.Addr) error {
	if !src.IsValid() {
		return nil
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindNoPort, 1); err != nil {
		return os.NewSyscallError("setsockopt IP_BIND_ADDRESS_NO_PORT", err)
	}
	return bindAt(fd, src, 0)
}
