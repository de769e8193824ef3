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
//	NA1 <nonce> <seq>\n          probe (seq 0) or ping of a flow, over TCP or UDP
//	NA1 <nonce> <seq> <name>\n   answer
//	NAS1 + 32 bytes              datagram of a one-way stream, never answered
const (
	lineMagic   = "NA1 "
	streamMagic = "NAS1"
)

// MaxLinePayload is the longest line that probers exchange: a name has at most 63+1+253
// bytes in Kubernetes.
const MaxLinePayload = 512

// BarePayload is what a UDP probe sends to a server that is no prober: agnhost netexec
// answers it with its host name.
const BarePayload = "hostname\n"

// Ask is the line of a probe or a ping.
type Ask struct {
	Nonce uint64
	Seq   uint64
}

// Append appends the line to b.
func (a Ask) Append(b []byte) []byte { return append(a.append(b), '\n') }

func (a Ask) append(b []byte) []byte {
	b = append(b, lineMagic...)
	b = strconv.AppendUint(b, a.Nonce, 16)
	b = append(b, ' ')
	return strconv.AppendUint(b, a.Seq, 16)
}

// AppendAnswer appends the answer of the prober that is called name.
func (a Ask) AppendAnswer(b []byte, name string) []byte {
	b = append(a.append(b), ' ')
	b = append(b, name...)
	return append(b, '\n')
}

// ParseLine reads the first line of p: what was asked and, in an answer, the name of who
// answers. n is the number of bytes that the line takes, 0 when it is not complete yet.
// ok is false when it is no line of ours.
func ParseLine(p []byte) (a Ask, name string, n int, ok bool) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		return Ask{}, "", 0, len(p) < MaxLinePayload
	}
	rest, found := bytes.CutPrefix(p[:end], []byte(lineMagic))
	fields := bytes.SplitN(rest, []byte{' '}, 3)
	if !found || len(fields) < 2 {
		return Ask{}, "", end + 1, false
	}
	nonce, err1 := strconv.ParseUint(string(fields[0]), 16, 64)
	seq, err2 := strconv.ParseUint(string(fields[1]), 16, 64)
	if len(fields) == 3 {
		name = string(fields[2])
	}
	return Ask{Nonce: nonce, Seq: seq}, name, end + 1, err1 == nil && err2 == nil
}

// Datagram is one datagram of a one-way stream. It says all that the receiver must know,
// so that nobody has to tell the receiver beforehand.
type Datagram struct {
	Stream  uint64
	Seq     uint64
	Bucket  time.Duration
	Blocked bool
}

// datagramLen is the length of a stream datagram: magic, flags, stream, seq, bucket.
const datagramLen = 4 + 4 + 8 + 8 + 8

// Append appends the datagram to b.
func (d Datagram) Append(b []byte) []byte {
	b = append(b, streamMagic...)
	var flags uint32
	if d.Blocked {
		flags = 1
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
	return Datagram{
		Blocked: binary.BigEndian.Uint32(p[4:])&1 != 0,
		Stream:  binary.BigEndian.Uint64(p[8:]),
		Seq:     binary.BigEndian.Uint64(p[16:]),
		Bucket:  time.Duration(binary.BigEndian.Uint64(p[24:])),
	}, true
}
