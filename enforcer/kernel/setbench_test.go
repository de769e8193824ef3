package kernel_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// BenchmarkSets is what a sync costs that changes one set, by netlink and by ipset restore.
// Members are added and removed in turn, so that each change is of the same size.
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

func benchSets(b *testing.B, k *kernel.Kernel, members, changed int) {
	b.Helper()
	others := []plan.Set{}
	for i := range 1418 {
		others = append(others, plan.Set{Name: plan.SetName(fmt.Sprintf("npe-p4-%04d", i)), Role: plan.RolePeer, Kind: plan.Addresses, Family: model.IPv4, Members: hosts(10)})
	}
	chains := []plan.Chain{{Name: plan.ChainPrefix + "X", Rules: []plan.Rule{{Verdict: plan.Return{}}}}}
	of := func(n int) plan.Plan {
		p := plan.Plan{IPv4: plan.FamilyPlan{Family: model.IPv4, Chains: chains, Sets: others}, IPv6: plan.FamilyPlan{Family: model.IPv6}}
		if n > 0 {
			p.IPv4.Sets = append(others[:len(others):len(others)], plan.Set{Name: "npe-p4-x", Role: plan.RolePeer, Kind: plan.Addresses, Family: model.IPv4, Members: hosts(n)})
		}
		return p
	}
	states := [2]plan.Plan{of(members), of(members + changed)}
	sync := func(i int) {
		if _, err := k.Sync(context.Background(), states[i%2], kernel.Hints{}); err != nil {
			b.Fatal(err)
		}
	}
	sync(0)
	sync(0) // and it is known to have nothing to do
	for i := 1; b.Loop(); i++ {
		sync(i)
		if members == 0 { // taking a set away is not what is measured
			b.StopTimer()
			i++
			sync(i)
			b.StartTimer()
		}
	}
}

// hosts are n members.
func hosts(n int) []plan.Member {
	out := make([]plan.Member, 0, n)
	for i := range n {
		out = append(out, plan.HostMember(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})))
	}
	return out
}
