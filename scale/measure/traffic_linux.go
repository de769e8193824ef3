package measure

import (
	"fmt"

	"github.com/prometheus/procfs"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Traffic is what a process has had over its TCP connections to one port. Add what
// Connections sees from time to time: a connection that has ended is remembered as it was
// last seen.
type Traffic struct {
	byInode map[uint32]Bytes
}

// Bytes are payload bytes.
type Bytes struct {
	Received, Sent uint64
}

// Observe takes note of the connections of process pid to port. do runs a function in the
// network namespace of the process.
func (t *Traffic) Observe(do func(func() error) error, pid int, port uint16) error {
	inodes, err := sockets(pid)
	if err != nil {
		return err
	}
	if t.byInode == nil {
		t.byInode = map[uint32]Bytes{}
	}
	return do(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			all, err := netlink.SocketDiagTCPInfo(family)
			if err != nil {
				return fmt.Errorf("read TCP connections: %w", err)
			}
			for _, c := range all {
				if c.InetDiagMsg == nil || c.TCPInfo == nil || c.InetDiagMsg.ID.DestinationPort != port || !inodes[c.InetDiagMsg.INode] {
					continue
				}
				t.byInode[c.InetDiagMsg.INode] = Bytes{Received: c.TCPInfo.Bytes_received, Sent: c.TCPInfo.Bytes_acked}
			}
		}
		return nil
	})
}

// Total is over all connections seen so far.
func (t *Traffic) Total() (b Bytes, connections int) {
	for _, one := range t.byInode {
		b.Received += one.Received
		b.Sent += one.Sent
	}
	return b, len(t.byInode)
}

// sockets are the inodes of a process's sockets.
func sockets(pid int) (map[uint32]bool, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return nil, fmt.Errorf("read sockets: %w", err)
	}
	targets, err := p.FileDescriptorTargets()
	if err != nil {
		return nil, fmt.Errorf("read sockets: %w", err)
	}
	out := map[uint32]bool{}
	for _, target := range targets {
		var inode uint32
		if n, _ := fmt.Sscanf(target, "socket:[%d]", &inode); n == 1 {
			out[inode] = true
		}
	}
	return out, nil
}
