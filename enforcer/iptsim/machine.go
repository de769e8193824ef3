package iptsim

import (
	"maps"
	"net/netip"
	"slices"
)

// Family is an IP family in the words of ipset.
type Family string

// The families.
const (
	IPv4 Family = "inet"
	IPv6 Family = "inet6"
)

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// Machine is what one network namespace of a kernel holds: ipsets, and the mangle table of
// both families. A fresh one has the built-in chains, empty. It is not safe for concurrent
// use.
type Machine struct {
	sets   map[string]*set
	tables map[Family]table
}

// table is the chains of a mangle table by name.
type table map[string]*chain

// chain is a chain's rules. A chain is never changed in place once it is committed.
type chain struct {
	builtin bool
	rules   []rule
}

// builtins are the built-in chains of the mangle table.
var builtins = [...]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// New returns a machine without sets and rules.
func New() *Machine {
	m := &Machine{sets: map[string]*set{}, tables: map[Family]table{}}
	for _, f := range []Family{IPv4, IPv6} {
		t := table{}
		for _, name := range builtins {
			t[name] = &chain{builtin: true}
		}
		m.tables[f] = t
	}
	return m
}

// Clone returns an independent copy.
func (m *Machine) Clone() *Machine {
	out := &Machine{sets: map[string]*set{}, tables: map[Family]table{}}
	for name, s := range m.sets {
		out.sets[name] = s.clone()
	}
	for f, t := range m.tables {
		out.tables[f] = maps.Clone(t)
	}
	return out
}

// Sets are the names of the sets, sorted.
func (m *Machine) Sets() []string { return slices.Sorted(maps.Keys(m.sets)) }

// Chains are the names of a family's user-defined chains, sorted.
func (m *Machine) Chains(f Family) []string {
	var out []string
	for name, c := range m.tables[f] {
		if !c.builtin {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Rules are the texts of a chain's rules, in order, without "-A CHAIN". ok is false when
// there is no such chain.
func (m *Machine) Rules(f Family, name string) (rules []string, ok bool) {
	c, ok := m.tables[f][name]
	if !ok {
		return nil, false
	}
	for _, r := range c.rules {
		rules = append(rules, r.text)
	}
	return rules, true
}

// referenced reports whether a rule of either family refers to a set.
func (m *Machine) referenced(name string) bool {
	for _, t := range m.tables {
		for _, c := range t {
			if slices.ContainsFunc(c.rules, func(r rule) bool { return slices.Contains(r.sets, name) }) {
				return true
			}
		}
	}
	return false
}
