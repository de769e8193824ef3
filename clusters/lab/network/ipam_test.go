package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
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

// Load balancers have networks of their own, and each node port its own address in them.
func TestBalancerAddresses(t *testing.T) {
	plan := Plan{Families: model.Dual}
	others := slices.Concat(plan.ServiceCIDRs(), plan.PodCIDRs(), model.OutsideRanges())
	given := map[netip.Addr]string{}
	for _, n := range []int{1, 2, 15, 16, MaxNodes} {
		node := &Node{number: n, addresses: plan}
		for i, net := range plan.BalancerNets(n) {
			if net != net.Masked() || slices.ContainsFunc(others, net.Overlaps) || net.Contains(plan.NodeIPs(n)[i]) {
				t.Errorf("node %d: load balancers have %s, which others have too", n, net)
			}
		}
		for port := uint16(30000); port <= 32767; port++ {
			for i, addr := range node.BalancerIPs(port) {
				what := fmt.Sprint("node ", n, ", port ", port)
				if given[addr] != "" || !plan.BalancerNets(n)[i].Contains(addr) {
					t.Fatalf("%s has %s, which is %s's, or in no network of its own", what, addr, given[addr])
				}
				given[addr] = what
			}
		}
	}
}
