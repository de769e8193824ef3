package sctp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Protocol is SCTP's IP protocol number.
const Protocol = 132

// ChunkType is the type of a chunk (RFC 9260 section 3.2).
type ChunkType byte

// The chunk types that matter here.
const (
	Init    ChunkType = 1
	InitAck ChunkType = 2
	Abort   ChunkType = 6
)

// Parameter types of INIT and INIT ACK.
const (
	paramCookie  = 7
	paramPadding = 0x8005 // receivers ignore its content (RFC 4820): it carries our nonce
)

// Lengths in bytes.
const (
	headerLen    = 12
	chunkHdrLen  = 4
	initFixedLen = 16
	paramHdrLen  = 4
)

// What an INIT announces; receivers refuse zero streams and small windows.
const (
	window  = 65536
	streams = 1
)

// Packet is what is read of a packet: its header and first chunk.
type Packet struct {
	SrcPort, DstPort uint16
	Tag              uint32 // verification tag: the receiver's own
	Type             ChunkType
	InitTag          uint32 // INIT, INIT ACK: the tag that the sender wants to see
	Nonce            uint64 // INIT of ours: our nonce; 0 in others
	Cookie           []byte // INIT ACK: the state cookie, aliasing the input
}

// ErrChecksum is a packet that was damaged on its way, or that somebody else's checksum
// offload has not completed.
var ErrChecksum = errors.New("bad SCTP checksum")

// AppendInit appends an INIT whose initiate tag is tag (not 0) and that carries nonce. Its
// verification tag is 0 as RFC 9260 section 8.5.1 A demands, or connection tracking would
// call it invalid.
func AppendInit(b []byte, srcPort, dstPort uint16, tag uint32, nonce uint64) []byte {
	param := binary.BigEndian.AppendUint64(nil, nonce)
	return appendInit(b, Packet{SrcPort: srcPort, DstPort: dstPort, Type: Init, InitTag: tag}, paramPadding, param)
}

// AppendInitAck appends the answer to init, with a tag of the answerer's own (not 0) and a
// state cookie.
func AppendInitAck(b []byte, init Packet, tag uint32, cookie []byte) []byte {
	p := Packet{SrcPort: init.DstPort, DstPort: init.SrcPort, Tag: init.InitTag, Type: InitAck, InitTag: tag}
	return appendInit(b, p, paramCookie, cookie)
}

// AppendAbort appends the ABORT that refuses init (RFC 9260 section 8.4, rule 3).
func AppendAbort(b []byte, init Packet) []byte {
	start := len(b)
	b = appendHeader(b, Packet{SrcPort: init.DstPort, DstPort: init.SrcPort, Tag: init.InitTag})
	b = append(b, byte(Abort), 0, 0, chunkHdrLen)
	return seal(b, start)
}

func appendInit(b []byte, p Packet, param uint16, value []byte) []byte {
	start := len(b)
	b = appendHeader(b, p)
	paramLen := paramHdrLen + len(value)
	b = append(b, byte(p.Type), 0)
	// A chunk's length leaves out the padding after its last parameter.
	b = binary.BigEndian.AppendUint16(b, uint16(chunkHdrLen+initFixedLen+paramLen))
	b = binary.BigEndian.AppendUint32(b, p.InitTag)
	b = binary.BigEndian.AppendUint32(b, window)
	b = binary.BigEndian.AppendUint16(b, streams)
	b = binary.BigEndian.AppendUint16(b, streams)
	b = binary.BigEndian.AppendUint32(b, p.InitTag) // initial TSN: any number will do
	b = binary.BigEndian.AppendUint16(b, param)
	b = binary.BigEndian.AppendUint16(b, uint16(paramLen))
	b = append(b, value...)
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	return seal(b, start)
}

func appendHeader(b []byte, p Packet) []byte {
	b = binary.BigEndian.AppendUint16(b, p.SrcPort)
	b = binary.BigEndian.AppendUint16(b, p.DstPort)
	b = binary.BigEndian.AppendUint32(b, p.Tag)
	return append(b, 0, 0, 0, 0)
}

// seal fills in the checksum of the packet that begins at start.
func seal(b []byte, start int) []byte {
	binary.LittleEndian.PutUint32(b[start+8:], checksum(b[start:]))
	return b
}

// checksum is the CRC32c of the packet with a zero checksum field.
func checksum(p []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, p[:8])
	sum = crc32.Update(sum, table, []byte{0, 0, 0, 0})
	return crc32.Update(sum, table, p[headerLen:])
}

// Parse reads a packet.
func Parse(p []byte) (Packet, error) {
	if len(p) < headerLen+chunkHdrLen {
		return Packet{}, fmt.Errorf("read SCTP packet: %d bytes are too few", len(p))
	}
	if checksum(p) != binary.LittleEndian.Uint32(p[8:]) {
		return Packet{}, ErrChecksum
	}
	out := Packet{
		SrcPort: binary.BigEndian.Uint16(p),
		DstPort: binary.BigEndian.Uint16(p[2:]),
		Tag:     binary.BigEndian.Uint32(p[4:]),
		Type:    ChunkType(p[headerLen]),
	}
	length := int(binary.BigEndian.Uint16(p[headerLen+2:]))
	if length < chunkHdrLen || length > len(p)-headerLen {
		return Packet{}, fmt.Errorf("read SCTP packet: chunk length %d of %d bytes", length, len(p)-headerLen)
	}
	if out.Type != Init && out.Type != InitAck {
		return out, nil
	}
	return out, out.parseInit(p[headerLen+chunkHdrLen : headerLen+length])
}

// parseInit reads the body of an INIT or INIT ACK.
func (p *Packet) parseInit(body []byte) error {
	if len(body) < initFixedLen {
		return fmt.Errorf("read SCTP INIT: %d bytes are too few", len(body))
	}
	p.InitTag = binary.BigEndian.Uint32(body)
	for rest := body[initFixedLen:]; len(rest) >= paramHdrLen; {
		kind := binary.BigEndian.Uint16(rest)
		length := int(binary.BigEndian.Uint16(rest[2:]))
		if length < paramHdrLen || length > len(rest) {
			return fmt.Errorf("read SCTP INIT: parameter length %d of %d bytes", length, len(rest))
		}
		switch value := rest[paramHdrLen:length]; {
		case kind == paramPadding && len(value) == 8:
			p.Nonce = binary.BigEndian.Uint64(value)
		case kind == paramCookie:
			p.Cookie = value
		}
		rest = rest[min((length+3)&^3, len(rest)):]
	}
	return nil
}

// Ports reads the ports of a packet of which an ICMP error quotes only the beginning.
func Ports(quote []byte) (src, dst uint16, ok bool) {
	if len(quote) < 4 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(quote), binary.BigEndian.Uint16(quote[2:]), true
}
