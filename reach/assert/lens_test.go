package assert

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/suites/oracle"
)

// The oracle says the same of two ends as of all that there is.
func TestLensHidesNothing(t *testing.T) {
	judged := map[model.Verdict]int{}
	for seed := range uint64(600) {
		s := gen.New(seed, 20)
		inv := &inventory.Inventory{Snapshot: s.Snapshot}
		l := newLens(inv)
		for _, f := range s.Flows {
			client, ok := endOf(inv, f.Client)
			server, unique := endOf(inv, f.Server)
			if !ok || !unique {
				continue // two pods have one address: no end has a name then
			}
			want, got := oracle.Evaluate(s.Snapshot, f), oracle.Evaluate(l.on(client, server), f)
			judged[want.Verdict]++
			if got != want {
				t.Fatalf("seed %d: %s: %v of the two ends, %v of all", seed, f, got, want)
			}
		}
	}
	if judged[model.Allow] < 1000 || judged[model.Deny] < 1000 {
		t.Errorf("too little was judged: %v", judged)
	}
	t.Logf("%v", judged)
}

// endOf is who has an address; ok is false when several pods have.
func endOf(inv *inventory.Inventory, a netip.Addr) (e endpoint, ok bool) {
	e = endpoint{key: a.String(), addrs: []netip.Addr{a}}
	for i := range inv.Pods {
		pod := &inv.Pods[i]
		if pod.HostNetwork || !slices.Contains(pod.IPs, a) {
			continue
		}
		if e.pod != nil {
			return e, false
		}
		e = endpoint{pod.Key(), pod.IPs, pod}
	}
	return e, true
}
