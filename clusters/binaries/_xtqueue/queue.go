// Package expr has this file instead of the library's own where the kernel has no queue
// statement for nftables (CONFIG_NFT_QUEUE) but has the xtables target of the same effect
// (CONFIG_NETFILTER_XT_TARGET_NFQUEUE), which nftables can call (CONFIG_NFT_COMPAT).
package expr

import (
	"encoding/binary"
	"errors"

	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// QueueFlag changes what becomes of a packet; both worlds have the same numbers.
type QueueFlag uint16

// Flags of a queue.
const (
	QueueFlagBypass QueueFlag = unix.NFT_QUEUE_FLAG_BYPASS
	QueueFlagFanout QueueFlag = unix.NFT_QUEUE_FLAG_CPU_FANOUT
	QueueFlagMask   QueueFlag = unix.NFT_QUEUE_FLAG_MASK
)

// Queue hands a packet to a program.
type Queue struct {
	Num   uint16
	Total uint16
	Flag  QueueFlag
}

// revision is that of struct xt_NFQ_info_v3 (linux/netfilter/xt_NFQUEUE.h): three numbers
// of 16 bits, padded to 64.
const revision = 3

func (e *Queue) target() *Target {
	info := make(xt.Unknown, 8)
	for i, v := range []uint16{e.Num, max(e.Total, 1), uint16(e.Flag)} {
		binary.NativeEndian.PutUint16(info[2*i:], v)
	}
	return &Target{Name: "NFQUEUE", Rev: revision, Info: &info}
}

func (e *Queue) marshal(fam byte) ([]byte, error)     { return e.target().marshal(fam) }
func (e *Queue) marshalData(fam byte) ([]byte, error) { return e.target().marshalData(fam) }

func (e *Queue) unmarshal(byte, []byte) error {
	return errors.New("read rule: this kernel has no queue statement")
}
