package kernel

import (
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
)

// hashed is what the hash of a chain was made of. Plans share the rules of chains that stay as they
// are, and to spell and hash thousands of rules would be most of a sync's work when one policy is
// edited.
type hashed struct {
	hash  string
	sets  []plan.SetName
	names []string // of these, in the kernel
}

// hash is the content hash of a chain that has rules.
func (d *differ) hash(c plan.Chain) string {
	first := &c.Rules[0]
	h, ok := d.hashes[first]
	if !ok {
		h, ok = d.have.hashes[first]
	}
	if !ok || !h.by(d.names) {
		h = hashed{hash: render.ChainHash(c, d.names), sets: logicalSets(c)}
		for _, s := range h.sets {
			h.names = append(h.names, d.names[s])
		}
	}
	d.hashes[first] = h
	return h.hash
}

// by reports whether sets have the names that they had.
func (h hashed) by(names render.Names) bool {
	for i, s := range h.sets {
		if names[s] != h.names[i] {
			return false
		}
	}
	return true
}
