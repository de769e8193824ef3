package network

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/netassay/netassay/model"
)

func TestPoolGivesBackLast(t *testing.T) {
	f := Plan{Families: model.Dual}
	p := NewPool(f.NodePodCIDRs(3))
	first, err := p.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Addrs(first)[1], netip.MustParseAddr("fd00:10:244:3::2"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	p.Release(first)
	p.Release(first) // the second time changes nothing
	seen := map[int]bool{}
	for range lastHost - firstHost {
		n, err := p.Acquire()
		if err != nil {
			t.Fatal(err)
		}
		if n == first || seen[n] {
			t.Fatalf("%d came back too early", n)
		}
		seen[n] = true
	}
	if n, err := p.Acquire(); err != nil || n != first {
		t.Errorf("got %d, %v, want %d last", n, err, first)
	}
	if _, err := p.Acquire(); !errors.Is(err, ErrNoAddress) {
		t.Errorf("got %v, want ErrNoAddress", err)
	}
	p.ReuseSoon(true)
	p.Release(17)
	p.Release(9)
	if n, err := p.Acquire(); err != nil || n != 9 {
		t.Errorf("got %d, %v, want 9, the last released", n, err)
	}
	if n, err := p.Claim(p.Addrs(17)[0]); err != nil || n != 17 {
		t.Errorf("got %d, %v, want 17, which was asked for", n, err)
	}
	if _, err := p.Claim(p.Addrs(17)[0]); !errors.Is(err, ErrNoAddress) {
		t.Errorf("got %v for an address in use, want ErrNoAddress", err)
	}
}
