package load

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	netv1 "k8s.io/api/networking/v1"
)

// edited is a copy of policy i that takes its place, and may be written.
func (s *state) edited(i int) *netv1.NetworkPolicy {
	s.policies[i] = s.policies[i].DeepCopy()
	return s.policies[i]
}

// update is the write of policy i as it is now. The copy is the writer's own.
func (s *state) update(i int) []Write {
	return []Write{{Verb: Update, Policy: s.policies[i].DeepCopy()}}
}

// replaced is the share of a policy's blocks that one edit replaces.
const replaced = 0.1

// replace gives some blocks of a policy's list new networks of their family, in place: the
// list keeps its length and its order.
func (s *state) replace() []Write {
	if len(s.blocked) == 0 {
		return nil
	}
	i := s.blocked[s.r.IntN(len(s.blocked))]
	blocks := ipBlocks(s.edited(i))
	n := max(1, int(math.Round(replaced*float64(len(blocks)))))
	d := newDrawer(s.w.p, s.w.pool, random(s.c.Seed, streamBlocks, s.edits))
	s.edits++
	for _, j := range s.r.Perm(len(blocks))[:n] {
		p, err := netip.ParsePrefix(blocks[j].CIDR)
		if err != nil {
			continue
		}
		*blocks[j] = d.block(p.Addr().Is6())
	}
	return s.update(i)
}

// addExcept cuts one part out of one block.
func (s *state) addExcept() []Write {
	return s.first(func(b *netv1.IPBlock) bool {
		part, ok := room(s.r, *b)
		if ok {
			b.Except = append(slices.Clone(b.Except), part)
		}
		return ok
	})
}

// removeExcept gives one part back.
func (s *state) removeExcept() []Write {
	return s.first(func(b *netv1.IPBlock) bool {
		if len(b.Except) == 0 {
			return false
		}
		j := s.r.IntN(len(b.Except))
		b.Except = slices.Delete(slices.Clone(b.Except), j, j+1)
		return true
	})
}

// first changes the first block that can be, from a random policy and block on.
func (s *state) first(change func(*netv1.IPBlock) bool) []Write {
	if len(s.blocked) == 0 {
		return nil
	}
	start := s.r.IntN(len(s.blocked))
	for k := range s.blocked {
		i := s.blocked[(start+k)%len(s.blocked)]
		blocks := ipBlocks(s.policies[i]) // to be read
		from := s.r.IntN(len(blocks))
		for m := range blocks {
			j := (from + m) % len(blocks)
			if trial := *blocks[j]; change(&trial) {
				*ipBlocks(s.edited(i))[j] = trial
				return s.update(i)
			}
		}
	}
	return nil
}

// rotate deletes a policy and creates another of its kind, namespace and type.
func (s *state) rotate() []Write {
	if len(s.policies) == 0 {
		return nil
	}
	i := s.r.IntN(len(s.policies))
	old := s.policies[i]
	next := s.w.policy(s.made, s.kinds[i], s.types[i])
	next.Namespace = old.Namespace
	s.made++
	s.policies[i] = &next
	return []Write{{Verb: Delete, Policy: old.DeepCopy()}, {Verb: Create, Policy: next.DeepCopy()}}
}

// recreate deletes a policy and creates the same again.
func (s *state) recreate() []Write {
	if len(s.policies) == 0 {
		return nil
	}
	p := s.policies[s.r.IntN(len(s.policies))]
	return []Write{{Verb: Delete, Policy: p.DeepCopy()}, {Verb: Create, Policy: p.DeepCopy()}}
}

// Object names what a write is of; writes of equal objects have equal names.
func (w Write) Object() string {
	switch {
	case w.Policy != nil:
		return fmt.Sprintf("networkpolicy %s/%s", w.Policy.Namespace, w.Policy.Name)
	case w.Pod != nil:
		return fmt.Sprintf("pod %s/%s", w.Pod.Namespace, w.Pod.Name)
	case w.Namespace != nil:
		return "namespace " + w.Namespace.Name
	default:
		return "no object"
	}
}
