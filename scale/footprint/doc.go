// Package footprint measures what one agent of the reference enforcer costs in a cluster of
// a given size, from the outside: memory from its start to a steady state, then processor
// time while pods come and go.
//
// It decides when the agent is steady, and whether the figures are within the bounds. It
// sees the agent as a process, and must never ask it for what can be measured without it;
// only the Go heap comes from the agent's own metrics page.
package footprint
