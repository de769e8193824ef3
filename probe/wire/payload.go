package wire

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"time"
)

// What probers send to each other: text lines, so that a packet dump can be read, and one
// binary form for streams.
//
//	NA1 <nonce>\n          probe, over TCP or UDP; spaces before the end make it as large as wanted,
//	                       those before it have come in packets of their own
//	NA1 <nonce> <name>\n   answer
//	NAS1 + 28 bytes        datagram of a one-way stream, answered by a Filler where it asks for it
const (
	lineMagic   = "NA1 "
	streamMagic = "NAS1"
)

// Filler is a packet that is not answered: as a datagram it is no line, and as a part of a stream
// it belongs to the next one.
const Filler = ' '

// MaxLinePayload is the longest line that probers exchange: a name has at most 63+1+253
// bytes in Kubernetes.
const MaxLinePayload = 512

// MaxAsk is the longest line of a probe: more than any MTU, so that it comes in fragments or
// segments, all of which must arrive for it to be answered.
const MaxAsk = 8192

// BarePayload is what a UDP probe sends to a server that is no prober: agnhost netexec
// answers it with its host name.
const BarePayload = "hostname\n"

// AppendAsk appends the line of a probe to b, of size bytes if it takes fewer.
func AppendAsk(b []byte, nonce uint64, size int) []byte {
	end := len(b) + size
	b = appendNonce(b, nonce)
	for len(b) < end-1 {
		b = append(b, ' ')
	}
	return append(b, '\n')
}

func appendNonce(b []byte, nonce uint64) []byte {
	return strconv.AppendUint(append(b, lineMagic...), nonce, 16)
}

// AppendAnswer appends the answer of the prober that is called name.
func AppendAnswer(b []byte, nonce uint64, name string) []byte {
	b = append(appendNonce(b, nonce), ' ')
	b = append(b, name...)
	return append(b, '\n')
}

// ParseLine reads the first line of p: the nonce of a probe and, in an answer, the name of
// who answers. n is the number of bytes that the line takes, 0 when it is not complete yet.
// ok is false when it is no line of ours.
func ParseLine(p []byte) (nonce uint64, name string, n int, ok bool) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return 0, "", 0, len(p) < MaxAsk
	}
	rest, found := bytes.CutPrefix(bytes.TrimLeft(p[:end], string(Filler)), []byte(lineMagic))
	digits, by, _ := bytes.Cut(rest, []byte{' '})
	nonce, err := strconv.ParseUint(string(digits), 16, 64)
	if !found || err != nil {
		return 0, "", end + 1, false
	}
	return nonce, string(bytes.TrimRight(by, " ")), end + 1, true
}

// Datagram is one datagram of a one-way stream. It says all that the receiver must know,
// so that nobody has to tell the receiver beforehand.
type Datagram struct {
	Stream  uint64
	Seq     uint64
	Bucket  time.Duration
	Blocked bool
	Answer  bool // the receiver is to answer it
}

// The flags of a datagram.
const (
	flagBlocked uint32 = 1 << iota
	flagAnswer
)

// datagramLen is the length of a stream datagram: magic, flags, stream, seq, bucket.
const datagramLen = 4 + 4 + 8 + 8 + 8

// Append appends the datagram to b.
func (d Datagram) Append(b []byte) []byte {
	b = append(b, streamMagic...)
	var flags uint32
	if d.Blocked {
		flags |= flagBlocked
	}
	if d.Answer {
		flags |= flagAnswer
	}
	b = binary.BigEndian.AppendUint32(b, flags)
	b = binary.BigEndian.AppendUint64(b, d.Stream)
	b = binary.BigEndian.AppendUint64(b, d.Seq)
	return binary.BigEndian.AppendUint64(b, uint64(d.Bucket))
}

// ParseDatagram reads a stream datagram; ok is false when p is none.
func ParseDatagram(p []byte) (d Datagram, ok bool) {
	if len(p) != datagramLen || string(p[:4]) != streamMagic {
		return Datagram{}, false
	}
	flags := binary.BigEndian.Uint32(p[4:])
	return Datagram{
		Blocked: flags&flagBlocked != 0,
		Answer:  flags&flagAnswer != 0,
		Stream:  binary.BigEndian.Uint64(p[8:]),
		Seq:     binary.BigEndian.Uint64(p[16:]),
		Bucket:  time.Duration(binary.BigEndian.Uint64(p[24:])),
	}, true
}
