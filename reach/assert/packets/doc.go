// Package packets makes a conformance case of what people expect of their own policies, so that
// an engine can be judged by it with real packets.
//
// It decides which pods stand for the classes that the expectations speak of, where they run and
// what they serve, and which flows a cluster of ours can't have: those of hosts whose addresses
// nobody may use for that. Every cell of the case is pinned to what the oracle says of it; how it
// is played and judged is the runner's, as for any other case.
//
// It is pure. It must never weaken an expectation to make it playable: what is not played is
// counted.
//
//	Plan ──New──▶ Case ──conformance──▶ v1.Run ──Read──▶ expectations with the flows that went wrong
package packets
