package wire

import (
	"net/netip"
	"time"
)

// Version is the version of the stream; both ends must have the same.
const Version = 6

// Limits of the stream.
const (
	MaxLine    = 4 << 20 // bytes of one line, with its newline
	MaxQueued  = 8 << 20 // bytes that may wait in a prober before receipts are thrown away
	MaxTargets = 2000    // targets of one request
)

// Capabilities that a prober can have.
const (
	CapSCTP = "sctp" // can send and answer SCTP INITs: needs CAP_NET_RAW
	CapSYN  = "syn"  // sees TCP SYNs that arrive, also those whose answer gets lost: needs CAP_NET_RAW
)

// Protocol names as in the Kubernetes API.
const (
	TCP  = "TCP"
	UDP  = "UDP"
	SCTP = "SCTP"
	ICMP = "ICMP" // an echo, of either family's ICMP; it has no port
)

// Form is how the packets of a probe differ from those of everybody.
type Form string

// The forms. All but FormLinkLocal need CAP_NET_RAW.
const (
	FormForged    Form = "forged"     // the source, From, is not the sender's
	FormFragments Form = "fragments"  // two, the first of which is as small as there can be
	FormLinkLocal Form = "link-local" // IPv6, to the link-local address of who forwards for the sender
	FormND        Form = "nd"         // a neighbour solicitation with a payload, instead of an echo
	FormOptions   Form = "options"    // IPv4 options; IPv6 hop-by-hop and destination options
)

// Raw reports whether the packets are written whole. Then no answer is waited for, and only the
// receiver can tell that they came.
func (f Form) Raw() bool { return f != "" && f != FormOptions && f != FormLinkLocal }

// Result is what a probe saw.
type Result string

// The results. Only Dropped means that there was no answer at all.
const (
	Connected    Result = "Connected"    // the other end answered
	Dropped      Result = "Dropped"      // nothing came back until the timeout
	Refused      Result = "Refused"      // RST, ABORT, or ICMP port or protocol unreachable
	Unreachable  Result = "Unreachable"  // no route, or another ICMP error
	Inconclusive Result = "Inconclusive" // the probe itself went wrong; says nothing about the path
)

// Hello is a prober's first event.
type Hello struct {
	Version      int      `json:"version"`
	Name         string   `json:"name"`
	PID          int      `json:"pid"`
	Clock        string   `json:"clock"` // two probers with the same Clock read the same clock
	Capabilities []string `json:"capabilities,omitempty"`
	Listening    []string `json:"listening,omitempty"` // "80/tcp/ipv4", sorted

	Began time.Duration `json:"began"` // when the prober began
}

// Request is one line to the prober. Besides ID exactly one field is set.
type Request struct {
	ID          uint64   `json:"id"`
	Probe       []Target `json:"probe,omitempty"`        // answered by one Observation per target
	Cancel      uint64   `json:"cancel,omitempty"`       // request whose open probes shall end unanswered; no answer
	Ping        bool     `json:"ping,omitempty"`         // answered by At
	StartStream *Stream  `json:"start_stream,omitempty"` // answered by Started or Error
	StopStream  uint64   `json:"stop_stream,omitempty"`  // answered by Sent or Error
	Collect     uint64   `json:"collect,omitempty"`      // stream id; answered by Received, and forgotten
	End         bool     `json:"end,omitempty"`          // answered by At, the last event
}

// Target is one probe to make.
type Target struct {
	Addr     netip.AddrPort `json:"a"`
	Protocol string         `json:"p"`
	From     netip.Addr     `json:"f,omitzero"`  // source; not given: as the machine chooses
	Timeout  time.Duration  `json:"t"`           // for everything from the first packet to the answer
	Nonce    uint64         `json:"n,omitempty"` // goes to the receiver and comes back in its receipt
	Size     int            `json:"z,omitempty"` // bytes of payload, where fewer would do; TCP and UDP, not Bare
	Flow     uint64         `json:"h,omitempty"` // goes over this flow, which stays; TCP and UDP, not Bare
	Open     bool           `json:"o,omitempty"` // it may be opened for that
	Form     Form           `json:"m,omitempty"` // not Bare, no flow
	Bare     bool           `json:"b,omitempty"` // the other end is no prober: a TCP connect or any reply will do
}

// Event is one line from the prober.
type Event struct {
	ID           uint64          `json:"id,omitempty"` // the request that is answered
	Hello        *Hello          `json:"hello,omitempty"`
	Observations []Observation   `json:"obs,omitempty"`
	Receipts     []Receipt       `json:"receipts,omitempty"`
	Lost         uint64          `json:"lost,omitempty"` // receipts thrown away so far
	At           time.Duration   `json:"at,omitempty"`
	Started      uint64          `json:"started,omitempty"`
	Sent         *SenderReport   `json:"sent,omitempty"`
	Received     *ReceiverReport `json:"received,omitempty"`
	Error        string          `json:"error,omitempty"` // with ID 0: the prober gives up
}

// Observation answers Target number Index of a request.
type Observation struct {
	Index    int            `json:"i"`
	Result   Result         `json:"r"`
	Err      string         `json:"e,omitempty"`
	Sent     time.Duration  `json:"s"` // just before the first packet
	Done     time.Duration  `json:"d"` // when the answer was seen, or the wait ended
	Local    netip.AddrPort `json:"l"`
	Answered string         `json:"w,omitempty"` // who answered, by its own word
	Packets  int            `json:"k,omitempty"` // of the probe's flow that were sent until something came back
}

// ReceiptKind is how a receipt came about.
type ReceiptKind string

// Kinds of receipt. One of ReceiptData carries a nonce, the others are known by From, Port
// and Protocol only.
const (
	ReceiptData   ReceiptKind = "data"   // a nonce arrived
	ReceiptSYN    ReceiptKind = "syn"    // a TCP SYN arrived; its answer may not have got out
	ReceiptAccept ReceiptKind = "accept" // a TCP handshake was completed
)

// Receipt is a receiver's evidence that a packet got in. To is known for a SYN only; after
// a Service it is not the address that the client dialed.
type Receipt struct {
	Kind     ReceiptKind    `json:"k"`
	Nonce    uint64         `json:"n,omitempty"`
	From     netip.AddrPort `json:"f"`
	To       netip.Addr     `json:"to,omitzero"`
	Port     uint16         `json:"o"` // of the receiver
	Protocol string         `json:"p"`
	At       time.Duration  `json:"t"` // when it was read
}

// Stream is a one-way UDP stream of numbered datagrams of one 5-tuple. Nobody ever answers
// them, so connection tracking never sees more than the first direction, unless they are to be
// Answered: then it is a flow that is established. The sender reads no answer.
type Stream struct {
	ID       uint64         `json:"id"`
	Addr     netip.AddrPort `json:"a"`
	Interval time.Duration  `json:"i"`           // between datagrams
	Bucket   time.Duration  `json:"b"`           // length of the receiver's counting intervals
	From     uint16         `json:"p,omitempty"` // source port; 0: a fresh one
	Answered bool           `json:"w,omitempty"` // each datagram is answered
	Blocked  bool           `json:"x,omitempty"`
}

// Outage is a time in which nothing could be said: ticks that were missed, answers that
// did not come.
type Outage struct {
	From  time.Duration `json:"f"`
	To    time.Duration `json:"t"`
	Count uint64        `json:"n"`
}

// SenderReport is what the sender of a stream knows. Sent + Missed = ticks between Start
// and End.
type SenderReport struct {
	Stream        uint64            `json:"stream"`
	Local         netip.AddrPort    `json:"local"`
	Start         time.Duration     `json:"start"` // of the schedule: datagram k was due at Start + k·interval
	End           time.Duration     `json:"end"`
	Sent          uint64            `json:"sent"`              // sequence numbers used, 0..Sent-1
	Missed        uint64            `json:"missed"`            // ticks without a datagram: the sender was late by an interval or more, or had no buffer
	MaxLate       time.Duration     `json:"max_late"`          // worst lateness of a datagram against its tick
	Errors        map[string]uint64 `json:"errors,omitempty"`  // sends that failed, by error; all but those for want of a buffer count as sent
	Outages       []Outage          `json:"outages,omitempty"` // of missed ticks, the first MaxListed
	OutagesBeyond uint64            `json:"outages_beyond,omitempty"`
}

// MaxListed bounds every list inside a report; what is beyond is counted.
const MaxListed = 4096

// Span is a run of consecutive sequence numbers that all arrived.
type Span struct {
	First   uint64        `json:"f"`
	Last    uint64        `json:"l"`
	FirstAt time.Duration `json:"fa"`
	LastAt  time.Duration `json:"la"`
}

// Bucket counts the arrivals of one counting interval.
type Bucket struct {
	Start      time.Duration `json:"s"`
	Received   uint64        `json:"r"` // for the first time
	Lost       uint64        `json:"x"` // numbers whose absence was noticed in this interval
	Duplicates uint64        `json:"d,omitempty"`
	First      uint64        `json:"f"`
	Last       uint64        `json:"l"`
}

// ReceiverReport is what a receiver has seen of a stream.
type ReceiverReport struct {
	Stream      uint64          `json:"stream"`
	From        netip.AddrPort  `json:"from"`
	Received    uint64          `json:"received"` // distinct numbers
	Lost        uint64          `json:"lost"`     // numbers below the highest that did not arrive
	Duplicates  uint64          `json:"dup"`
	Late        uint64          `json:"late"` // arrived after a higher number
	First       uint64          `json:"first"`
	Last        uint64          `json:"last"`
	FirstAt     time.Duration   `json:"first_at"`
	LastAt      time.Duration   `json:"last_at"`
	BucketLen   time.Duration   `json:"bucket_len"` // doubled each time when the buckets became too many
	Buckets     []Bucket        `json:"buckets,omitempty"`
	Spans       []Span          `json:"spans,omitempty"` // the first MaxListed
	SpansBeyond uint64          `json:"spans_beyond,omitempty"`
	Leaks       []time.Duration `json:"leaks,omitempty"` // arrivals of a blocked stream, the first MaxListed
	Overflow    uint64          `json:"overflow"`        // datagrams that the receiver's own socket lost while the stream ran
}
