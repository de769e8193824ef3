package runner

import (
	"net/netip"
	"slices"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/oracle"
)

// torn are the cells that a step leaves denied, by another end than before: one node may hear
// of the change before the other does, and until then neither denies. No engine can keep two
// nodes from that; on one node it is held to its order.
func torn(way []*cases.FakeCluster, want verdicts) map[cases.Cell]bool {
	out := map[cases.Cell]bool{}
	for k, v := range want {
		if v == model.Deny && tears(k, way) {
			out[k] = true
		}
	}
	return out
}

// tears reports whether a cell between two nodes is denied in each of the states, and not by
// the same end in all.
func tears(k cases.Cell, fakes []*cases.FakeCluster) bool {
	leaves, enters := false, false
	for _, fake := range fakes {
		flow, ok := k.Flow(fake)
		if !ok {
			continue
		}
		if nodeAt(fake, flow.Client) == nodeAt(fake, flow.Server) {
			return false
		}
		egress, ingress := oracle.Ends(fake.Snapshot, flow)
		if egress.Verdict != model.Deny && ingress.Verdict != model.Deny {
			return false
		}
		leaves, enters = leaves || egress.Verdict == model.Allow, enters || ingress.Verdict == model.Allow
	}
	return leaves && enters
}

// nodeAt is the node that has an address, or whose pod has it.
func nodeAt(fake *cases.FakeCluster, addr netip.Addr) string {
	for _, p := range fake.Snapshot.Pods {
		if slices.Contains(p.IPs, addr) {
			return p.Node
		}
	}
	return ""
}
