package bench

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/enforcer/simnet"
)

// Host is a node where nothing stands in the way, and each address has an interface of its
// own (simnet.LinkOf) unless it is unplugged.
type Host struct {
	mu        sync.Mutex
	unplugged map[netip.Addr]bool
	changed   func()
	forgotten []netip.Addr
}

// IPVS implements agent.Host.
func (*Host) IPVS() string { return "" }

// BridgeNF implements agent.Host.
func (*Host) BridgeNF([]netip.Prefix) (string, error) { return "", nil }

// Addresses implements agent.Host.
func (*Host) Addresses() ([]netip.Addr, error) { return nil, nil }

// Links implements agent.Host.
func (h *Host) Links(ips []netip.Addr, _ []netip.Prefix) (map[netip.Addr]host.Link, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[netip.Addr]host.Link{}
	for _, ip := range ips {
		if !h.unplugged[ip] {
			out[ip] = host.Link{Name: simnet.LinkOf(ip)}
		}
	}
	return out, nil
}

// Watch implements agent.Host.
func (h *Host) Watch(ctx context.Context, changed func()) error {
	h.mu.Lock()
	h.changed = changed
	h.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

// Forget implements agent.Host.
func (h *Host) Forget(ips []netip.Addr) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgotten = append(h.forgotten, ips...)
	return len(ips), nil
}

// Forgotten are the addresses whose flows have been forgotten, in order.
func (h *Host) Forgotten() []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.forgotten)
}

// Plug gives the address its interface, or takes it away.
func (h *Host) Plug(ip netip.Addr, in bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unplugged == nil {
		h.unplugged = map[netip.Addr]bool{}
	}
	h.unplugged[ip] = !in
	if h.changed != nil {
		h.changed()
	}
}
