package sctp

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChecksum(t *testing.T) {
	// The field itself counts as zeros, whatever it holds.
	want := checksum([]byte("12345678\x00\x00\x00\x009"))
	if got := checksum([]byte("12345678abcd9")); got != want {
		t.Errorf("checksum depends on its own field: %08x, want %08x", got, want)
	}
	init := AppendInit(nil, 40000, 80, 0x01020304, 0x1122334455667788)
	// Worked out independently: bit by bit, polynomial 0x1edc6f41, reflected.
	if got, want := init[8:12], slowCRC(init); cmp.Diff(want, got) != "" {
		t.Errorf("checksum %x, want %x", got, want)
	}
}

// slowCRC is RFC 9260 appendix A done bit by bit, as it stands on the wire.
func slowCRC(p []byte) []byte {
	crc := ^uint32(0)
	for i, b := range p {
		if i >= 8 && i < 12 {
			b = 0
		}
		crc ^= uint32(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x82f63b78
			} else {
				crc >>= 1
			}
		}
	}
	crc = ^crc
	return []byte{byte(crc), byte(crc >> 8), byte(crc >> 16), byte(crc >> 24)}
}

func TestInitBytes(t *testing.T) {
	got := AppendInit(nil, 40000, 80, 0x01020304, 0x1122334455667788)
	copy(got[8:12], "\x00\x00\x00\x00")
	want := "9c400050" + "00000000" + "00000000" + // ports, verification tag, checksum
		"01000020" + "01020304" + "00010000" + "00010001" + "01020304" + // INIT
		"8005000c" + "1122334455667788" // padding parameter
	if d := cmp.Diff(want, hex.EncodeToString(got)); d != "" {
		t.Errorf("INIT (-want +got):\n%s", d)
	}
}

func TestRoundTrip(t *testing.T) {
	init := AppendInit(nil, 40000, 80, 7, 99)
	gotInit, err := Parse(init)
	if err != nil {
		t.Fatal(err)
	}
	want := Packet{SrcPort: 40000, DstPort: 80, Type: Init, InitTag: 7, Nonce: 99}
	if d := cmp.Diff(want, gotInit); d != "" {
		t.Errorf("INIT (-want +got):\n%s", d)
	}
	for _, cookie := range []string{"", "a", "ab", "abc", "abcd"} {
		ack, err := Parse(AppendInitAck(nil, gotInit, 8, []byte(cookie)))
		want := Packet{SrcPort: 80, DstPort: 40000, Tag: 7, Type: InitAck, InitTag: 8, Cookie: []byte(cookie)}
		if d := cmp.Diff(want, ack); err != nil || d != "" {
			t.Errorf("INIT ACK with cookie %q: %v (-want +got):\n%s", cookie, err, d)
		}
	}
	abort, err := Parse(AppendAbort(nil, gotInit))
	want = Packet{SrcPort: 80, DstPort: 40000, Tag: 7, Type: Abort}
	if d := cmp.Diff(want, abort); err != nil || d != "" {
		t.Errorf("ABORT: %v (-want +got):\n%s", err, d)
	}
}

func TestParseRefuses(t *testing.T) {
	good := AppendInit(nil, 1, 2, 3, 4)
	reseal := func(change func(p []byte)) []byte {
		p := append([]byte(nil), good...)
		change(p)
		return seal(p, 0)
	}
	for _, tc := range []struct {
		name string
		in   []byte
	}{
		{"nothing", nil},
		{"header only", good[:headerLen]},
		{"chunk longer than packet", reseal(func(p []byte) { p[15] = 0xff })},
		{"chunk shorter than its header", reseal(func(p []byte) { p[15] = 3 })},
		{"INIT without its fixed part", reseal(func(p []byte) { p[15] = 8 })},
		{"parameter longer than chunk", reseal(func(p []byte) { p[35] = 0xff })},
		{"parameter shorter than its header", reseal(func(p []byte) { p[35] = 1 })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := Parse(tc.in); err == nil {
				t.Errorf("Parse gave %+v, want an error", got)
			}
		})
	}
	bad := append([]byte(nil), good...)
	bad[20] ^= 1
	if _, err := Parse(bad); !errors.Is(err, ErrChecksum) {
		t.Errorf("damaged packet: %v, want %v", err, ErrChecksum)
	}
}

// Every single-bit error is found: no damaged packet becomes evidence.
func TestEveryBitCounts(t *testing.T) {
	good := AppendInit(nil, 40000, 80, rand.Uint32()|1, rand.Uint64())
	for i := range len(good) * 8 {
		good[i/8] ^= 1 << (i % 8)
		if _, err := Parse(good); err == nil {
			t.Fatalf("bit %d flipped: parsed", i)
		}
		good[i/8] ^= 1 << (i % 8)
	}
}

func FuzzParse(f *testing.F) {
	init := AppendInit(nil, 40000, 80, 7, 99)
	f.Add(init)
	f.Add(AppendInitAck(nil, Packet{SrcPort: 1, DstPort: 2, InitTag: 3}, 4, []byte("cookie")))
	f.Add(AppendAbort(nil, Packet{SrcPort: 1, DstPort: 2, InitTag: 3}))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) >= headerLen {
			p = seal(append([]byte(nil), p...), 0) // get past the checksum
		}
		got, err := Parse(p)
		if err != nil {
			return
		}
		if src, dst, ok := Ports(p); !ok || src != got.SrcPort || dst != got.DstPort {
			t.Errorf("Ports says %d %d %v, Parse %d %d", src, dst, ok, got.SrcPort, got.DstPort)
		}
		if len(got.Cookie) > len(p) {
			t.Errorf("cookie of %d bytes in a packet of %d", len(got.Cookie), len(p))
		}
	})
}
