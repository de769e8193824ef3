package agent

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
)

// neighbour is the kernel's message of one, at link 7.
func neighbour(mac ...byte) []byte {
	b := make([]byte, 16, 40)
	binary.NativeEndian.PutUint16(b[4:], syscall.RTM_NEWNEIGH)
	b = append(b, syscall.AF_INET, 0, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, 7)
	b = append(b, 2, 0, 0, 1)
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(mac)))
	b = append(binary.NativeEndian.AppendUint16(b, 2), mac...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

func TestParseNeighbours(t *testing.T) {
	known := neighbour(0x02, 0x6e, 0x61, 3, 1, 2)
	want := netip.MustParseAddr("fe80::6e:61ff:fe03:102%7")
	for _, none := range [][]byte{nil, neighbour(), neighbour(0, 0, 0, 0, 0, 0), neighbour(0x33, 0x33, 0, 0, 0, 1)} {
		if a := parseNeighbours(none); a.IsValid() {
			t.Errorf("%x is %s", none, a)
		}
		if a := parseNeighbours(append(none, known...)); a != want {
			t.Errorf("%x, and one that is known: %s, want %s", none, a, want)
		}
	}
}

// No message makes the parser panic, and what it finds is always on a link.
func FuzzParseNeighbours(f *testing.F) {
	f.Add(neighbour(0x02, 0x6e, 0x61, 3, 1, 2))
	f.Add(append(neighbour(), neighbour(1, 2, 3, 4, 5, 6)...))
	f.Fuzz(func(t *testing.T, dump []byte) {
		if a := parseNeighbours(dump); a.IsValid() && (!a.IsLinkLocalUnicast() || a.Zone() == "") {
			t.Errorf("found %s", a)
		}
	})
}
