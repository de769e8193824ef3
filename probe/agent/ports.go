//go:build linux

package agent

import (
	"math/rand/v2"
	"net/netip"
)

// Source ports that probes use where they choose them: above the ports that servers in
// test pods listen on. Linux's own range of ephemeral ports lies inside, which does no
// harm: a port that is taken is passed over.
const (
	firstSourcePort = 20000
	sourcePorts     = 60999 - firstSourcePort + 1
)

// maxDestinations bounds the memory of a portPicker.
const maxDestinations = 1 << 16

// portPicker hands out source ports so that two flows to one destination have the same one
// only after all others have been used. Chance would do that far too often: connection
// tracking keeps a UDP flow for 30 to 120 s, and a new flow that meets an old one's entry
// passes as established whatever the policy has become.
type portPicker struct {
	last map[destination]uint16
	rand *rand.Rand
}

type destination struct {
	protocol string
	addr     netip.AddrPort
}

func newPortPicker(seed uint64) *portPicker {
	return &portPicker{last: map[destination]uint16{}, rand: rand.New(rand.NewPCG(seed, 0))}
}

// next is the source port for the next flow to addr.
func (p *portPicker) next(protocol string, addr netip.AddrPort) uint16 {
	d := destination{protocol, addr}
	last, ok := p.last[d]
	if !ok {
		if len(p.last) >= maxDestinations {
			clear(p.last)
		}
		last = uint16(p.rand.IntN(sourcePorts))
	}
	last = uint16((int(last) + 1) % sourcePorts)
	p.last[d] = last
	return firstSourcePort + last
}
