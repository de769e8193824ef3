package kernel_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// BenchmarkSets is what changes of sets cost, by netlink and by ipset restore. The kernel holds
// 20,000 members in the set and changes go to and fro, so that each is of the same size.
func BenchmarkSets(b *testing.B) {
	sandbox.Require(b)
	for _, bench := range []struct {
		name             string
		members, changed int
	}{{"one of 20000", 20000, 1}, {"200 of 20000", 20000, 200}, {"new of 10000", 0, 10000}} {
		for _, by := range []string{"netlink", "ipset"} {
			b.Run(bench.name+"/"+by, func(b *testing.B) {
				ns := newNS(b)
				run := kernel.Runner(inside{ns})
				if by == "netlink" {
					run = byNetlink(b, ns)
				}
				benchSets(b, kernel.New(kernel.Options{Backend: kernel.NFT, Runner: run}), bench.members, bench.changed)
			})
		}
	}
}

// benchSets adds members to a set, or a set of that many if it has none, and takes them away.
func benchSets(b *testing.B, k *kernel.Kernel, members, changed int) {
	b.Helper()
	hosts := func(from, n int) []plan.Member {
		var out []plan.Member
		for i := range n {
			i += from
			out = append(out, plan.HostMember(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})))
		}
		return out
	}
	of := func(n int) plan.Plan {
		p := plan.Plan{IPv4: plan.FamilyPlan{Family: model.IPv4}, IPv6: plan.FamilyPlan{Family: model.IPv6}}
		if n > 0 {
			p.IPv4.Sets = []plan.Set{{Name: "npe-p4-x", Role: plan.RolePeer, Kind: plan.Addresses, Family: model.IPv4, Members: hosts(0, n)}}
		}
		return p
	}
	states := [2]plan.Plan{of(members), of(members + changed)}
	sync := func(p plan.Plan) {
		if _, err := k.Sync(context.Background(), p, kernel.Hints{}); err != nil {
			b.Fatal(err)
		}
	}
	sync(states[0])
	for i := 1; b.Loop(); i++ {
		sync(states[i%2])
		if members == 0 { // taking a set away is not what is measured
			b.StopTimer()
			sync(states[0])
			i++
			b.StartTimer()
		}
	}
}
