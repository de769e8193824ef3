//go:build mutants

// Package mutants holds enforcers that are wrong on purpose: the reference enforcer with one
// fault each, of those that need time or state to show. A suite that can't tell such an
// enforcer from the right one would pass an engine with that fault. (What an engine gets wrong
// by reading the API wrongly needs no packets: suites/misread.)
//
// It decides what each fault does. It must never be part of the enforcer's own program: it is
// built with the tag mutants only, nothing imports it but its own cmd, and the agent knows
// nothing of it. A mutant acts where the agent meets the world:
//
//	API ──watch──▶ transport ──▶ agent ──▶ runner ──▶ netfilter
//	               (events are                (waits,     ▲
//	               changed, lost, late)        errors)    └─ own rules before the agent's,
//	                                                         for ever or for a moment
package mutants
