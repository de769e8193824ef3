package probe

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

// Pod is a running pod that packets can be sent to and, by its prober, from.
type Pod struct {
	Name  string // its own, and in most fleets its prober's
	Node  string
	Addrs []netip.Addr // primary family first
}

// Result is what a probe saw.
type Result = wire.Result

// The results. Only Dropped means that there was no answer at all; Inconclusive means that
// the probe itself went wrong, and is neither a block nor an allow.
const (
	Connected    = wire.Connected
	Dropped      = wire.Dropped
	Refused      = wire.Refused
	Unreachable  = wire.Unreachable
	Inconclusive = wire.Inconclusive
)

// Form is how the packets of a probe differ from those of everybody.
type Form = wire.Form

// The forms.
const (
	FormForged    = wire.FormForged
	FormFragments = wire.FormFragments
	FormLinkLocal = wire.FormLinkLocal
	FormND        = wire.FormND
	FormOptions   = wire.FormOptions
)

// Target is one probe to make.
type Target struct {
	Cell     int // the caller's number for it; comes back in the Observation
	Addr     netip.AddrPort
	Protocol string // "TCP", "UDP", "SCTP" or "ICMP", an echo, which has no port
	// Flow, if not 0, is the flow that the probe goes over: a TCP connection, or a UDP socket with
	// one port, which stays, with the number that the caller gives it. With Open it is opened when
	// it has not been up yet. Probes over one flow go one after the other.
	Flow    uint64
	Open    bool
	Size    int           // bytes of payload, if more than a few; not Bare, TCP and UDP only
	From    netip.Addr    // source, which the prober's machine must have, unless it is forged; not valid: as it chooses
	Timeout time.Duration // from the first packet to the answer
	// Form is how the packets differ from those of everybody. What is written raw is Connected when
	// the receiver has it, who then counts as the one who Answered.
	Form Form
	// Bare: the other end is no prober. A completed handshake (TCP), any reply (UDP) or
	// an INIT ACK (SCTP) will do; there is no Answered.
	Bare bool
}

// Observation is what came of one Target. Times are CLOCK_MONOTONIC of the harness (see
// Now and Fleet.Clock).
type Observation struct {
	Cell      int
	To        netip.AddrPort // that was dialed
	Protocol  string
	Result    Result
	Err       string // what went wrong or came back, for a human; never empty when Inconclusive
	Sent      time.Duration
	Done      time.Duration // Done-Sent is the round trip, when there was an answer
	Local     netip.Addr    // source of the probe, as the client saw it
	LocalPort uint16
	Nonce     uint64
	Answered  string // who answered, by the answer's own word; "" when bare
	// Packets is how many were sent, from one port to one port, until an answer came: the
	// first SYN, datagram or INIT and its repetitions. Dropped with fewer than two may be
	// the loss of one packet, and is no deny.
	Packets int
	// Receiver is the prober that reported to have got this probe, "" when none has
	// (yet). Dropped with a Receiver: the packet got in, its answer did not get out.
	Receiver   string
	ReceivedAt time.Duration
	Source     netip.Addr // of the probe, as that receiver saw it; not Local where it was rewritten on its way
}

// Receipt is a receiver's evidence of one probe.
type Receipt struct {
	Kind     wire.ReceiptKind
	Receiver string // the prober
	Nonce    uint64 // 0 for a SYN
	From     netip.AddrPort
	To       netip.Addr // of a SYN only
	Port     uint16
	Protocol string
	At       time.Duration // harness's clock
}

// Dial opens the standard input (Write) and output (Read) of one resident prober. Close
// must end both and make a blocked Read return.
type Dial func(ctx context.Context) (io.ReadWriteCloser, error)

// Now is CLOCK_MONOTONIC of this process.
func Now() time.Duration { return wire.Now() }

// Clock is how a prober's clock relates to the harness's.
type Clock struct {
	Shared bool          // both read the same clock: Offset and Error are 0
	Offset time.Duration // to be added to the prober's time
	Error  time.Duration // the offset is right within ± Error
}

// Grace is how long after the last observation of a round receipts are waited for that may
// or may not come.
const Grace = 20 * time.Millisecond
