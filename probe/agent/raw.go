//go:build linux

package agent

import (
	"os"
	"syscall"

	"github.com/netassay/netassay/probe/agent/sctp"
)

// openRaw opens a raw socket for an IP protocol: it gets a copy of each packet that passed
// the filters of the machine and that filter lets through.
func openRaw(f family, proto int, filter []syscall.SockFilter) (int, error) {
	fd, err := newSocket(f, syscall.SOCK_RAW, proto)
	if err != nil {
		return -1, err
	}
	if err := syscall.AttachLsf(fd, filter); err != nil { //nolint:staticcheck // its successor is not in the standard library
		_ = syscall.Close(fd)
		return -1, os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
	}
	wantBuffer(fd)
	return fd, nil
}

// receiveBuffer is what a socket that others send to should be able to hold.
const receiveBuffer = 4 << 20

// wantBuffer enlarges the receive buffer as far as the machine lets it; what overflows
// all the same is counted.
func wantBuffer(fd int) {
	if syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
	}
}

// transport is a packet from a raw socket without its IP header, which IPv4 leaves on.
func transport(f family, packet []byte) []byte {
	if f == ipv6 {
		return packet
	}
	if len(packet) == 0 {
		return nil
	}
	return packet[min(int(packet[0]&0x0f)*4, len(packet)):]
}

// loadByte is the beginning of a socket filter: the byte at offset of the transport
// header into the accumulator.
func loadByte(f family, offset int) []syscall.SockFilter {
	if f == ipv6 {
		return []syscall.SockFilter{stmt(syscall.BPF_LD|syscall.BPF_B|syscall.BPF_ABS, offset)}
	}
	return []syscall.SockFilter{
		stmt(syscall.BPF_LDX|syscall.BPF_B|syscall.BPF_MSH, 0), // X = length of the IP header
		stmt(syscall.BPF_LD|syscall.BPF_B|syscall.BPF_IND, offset),
	}
}

// chunkFilter lets SCTP packets through whose first chunk is of one of two types.
func chunkFilter(f family, a, b sctp.ChunkType) []syscall.SockFilter {
	const firstChunk = 12
	return append(loadByte(f, firstChunk),
		jumpIfEqual(int(a), 1, 0),
		jumpIfEqual(int(b), 0, 1),
		stmt(syscall.BPF_RET|syscall.BPF_K, 1<<16),
		stmt(syscall.BPF_RET|syscall.BPF_K, 0),
	)
}

// TCP flags and where they are.
const (
	tcpFlagsOffset = 13
	tcpSYN         = 0x02
	tcpACK         = 0x10
)

// synFilter lets TCP segments through that open a connection.
func synFilter(f family) []syscall.SockFilter {
	return append(loadByte(f, tcpFlagsOffset),
		stmt(syscall.BPF_ALU|syscall.BPF_AND|syscall.BPF_K, tcpSYN|tcpACK),
		jumpIfEqual(tcpSYN, 0, 1),
		stmt(syscall.BPF_RET|syscall.BPF_K, 128),
		stmt(syscall.BPF_RET|syscall.BPF_K, 0),
	)
}

func stmt(code, k int) syscall.SockFilter {
	return syscall.SockFilter{Code: uint16(code), K: uint32(k)}
}

func jumpIfEqual(k int, yes, no uint8) syscall.SockFilter {
	return syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: uint32(k), Jt: yes, Jf: no}
}
