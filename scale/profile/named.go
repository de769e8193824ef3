package profile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/netassay/netassay/model"
)

// Sizes are the numbers of ipBlocks per policy that are measured: around the number where
// documented failures begin, and then by tens.
func Sizes() []int { return []int{4, 5, 10, 100, 1000, 10000, 30000} }

// Names are the names of Named, sorted.
func Names() []string { return slices.Sorted(maps.Keys(Named())) }

// Named are the loads that have a name.
func Named() map[string]Profile {
	headline := Default()
	named := map[string]Profile{
		// The size past which the AKS documentation says not to scale Azure NPM on Linux.
		"headline": headline,
		"smoke":    smoke(headline),
		// Real pods alone, few enough for a cluster that has other work.
		"guest": with(headline, func(p *Profile) { p.Nodes, p.Pods, p.Namespaces, p.Local, p.Policies = 0, 0, 5, 50, 100 }),
		// What its documentation warns of: policies of several ipBlock sections that are
		// edited and deleted. It has no IPv6.
		"npm-docs": npmDocs(headline),
		"hostile":  with(headline, func(p *Profile) { p.Dedupe, p.CIDRs, p.Peers = Hostile, 100, Peers{IP: 100} }),
		"except-0": with(headline, func(p *Profile) { p.Except = 0 }),
		"except-1": with(headline, func(p *Profile) { p.Except = 1 }),
		"except-8": with(headline, func(p *Profile) { p.Except = 8 }),
		// More than an API server stores in one object: creation must fail clearly.
		"ipblock-past-limit": ipBlock(headline, 100_000),
	}
	for _, n := range Sizes() {
		named[fmt.Sprintf("ipblock-%d", n)] = ipBlock(headline, n)
	}
	return named
}

func with(p Profile, change func(*Profile)) Profile {
	change(&p)
	return p
}

// smoke is small enough for each commit.
func smoke(p Profile) Profile {
	p.Nodes, p.Pods, p.Namespaces, p.Local, p.Policies = 20, 1000, 10, 10, 50
	return p
}

func npmDocs(p Profile) Profile {
	p.Peers, p.CIDRs, p.Except, p.Families = Peers{Pod: 40, NS: 20, IP: 40}, 5, 1, model.OnlyIPv4
	return p
}

// ipBlock is ten policies of n ipBlocks each, no two blocks equal, and nothing else.
func ipBlock(p Profile, n int) Profile {
	p.Policies, p.Peers, p.CIDRs, p.Dedupe = 10, Peers{IP: 100}, n, Hostile
	return p
}
