package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// Pods have the host numbers from firstHost to lastHost in their node's networks.
const (
	firstHost = 2
	lastHost  = 254
)

// ErrNoAddress means that every address of a node is in use.
var ErrNoAddress = errors.New("no free address")

// A Pool hands out the host numbers of one node, each of which stands for one address per
// family. A number is never handed out before it is released, and by default goes to the
// back of the queue then, so that it rests as long as possible.
type Pool struct {
	cidrs []netip.Prefix

	mu        sync.Mutex
	free      []int
	used      map[int]bool
	reuseSoon bool
}

// NewPool is a pool over the first addresses of cidrs, one CIDR per family.
func NewPool(cidrs []netip.Prefix) *Pool {
	p := &Pool{cidrs: cidrs, used: map[int]bool{}}
	for i := firstHost; i <= lastHost; i++ {
		p.free = append(p.free, i)
	}
	return p
}

// ReuseSoon makes released addresses come back first instead of last, for tests of what
// happens when a new pod gets the address of one that has just gone.
func (p *Pool) ReuseSoon(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reuseSoon = on
}

// Acquire takes a free number; the error is ErrNoAddress when there is none.
func (p *Pool) Acquire() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return 0, fmt.Errorf("%w in %v", ErrNoAddress, p.cidrs)
	}
	n := p.free[0]
	p.free = p.free[1:]
	p.used[n] = true
	return n, nil
}

func (p *Pool) take(want netip.Addr) (int, error) {
	if want.IsValid() {
		return p.Claim(want)
	}
	return p.Acquire()
}

// Claim takes the number that addr belongs to; the error is ErrNoAddress while it is in use, or
// when it is not one of the pool's.
func (p *Pool) Claim(addr netip.Addr) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.free, func(n int) bool { return slices.Contains(p.Addrs(n), addr) })
	if i < 0 {
		return 0, fmt.Errorf("%w %s in %v", ErrNoAddress, addr, p.cidrs)
	}
	n := p.free[i]
	p.free = slices.Delete(p.free, i, i+1)
	p.used[n] = true
	return n, nil
}

// Release gives n back; releasing what is not in use changes nothing.
func (p *Pool) Release(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.used[n] {
		return
	}
	delete(p.used, n)
	if p.reuseSoon {
		p.free = append([]int{n}, p.free...)
		return
	}
	p.free = append(p.free, n)
}

// Addrs are the addresses of number n, one per family.
func (p *Pool) Addrs(n int) []netip.Addr {
	out := make([]netip.Addr, 0, len(p.cidrs))
	for _, c := range p.cidrs {
		out = append(out, host(c, n))
	}
	return out
}

// Gateways are the node's own addresses in the pod networks.
func (p *Pool) Gateways() []netip.Addr { return p.Addrs(1) }
