// Package inventory has the noun that questions about somebody's own policies are asked of: what
// NetworkPolicies can see of a cluster, wherever it was read.
//
// It decides what belongs to such a state, and that nothing is in it twice: two objects of one
// name are a mistake of whoever wrote them, and each reading of it would be a guess.
//
// It must never read a file or a cluster, judge a flow, or keep what policies can't see:
// environment, commands, secrets.
//
//	manifests ─┐
//	snapshot ──┼─▶ Builder ──Done──▶ Inventory ──▶ matrix, explain, diff, assert
//	live ──────┘
package inventory
