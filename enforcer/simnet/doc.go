// Package simnet is a cluster of simulated nodes: it sends a flow's first packet through
// the hooks of the nodes that the packet would pass, each of which holds its own plan.
//
// It decides which node and hook sees a flow, and in which order. What a rule does to the
// packet is enforcer/iptsim's knowledge, and what should come out is known to tests only
// (enforcer/proof, enforcer/scenarios), which hold the verdicts against the oracle's.
//
// It must never look at a policy, nor be imported by what it is to prove.
package simnet
