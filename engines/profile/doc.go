// Package profile reads what is known of an engine before it is judged: how a live cluster shows
// that it has it, what it is documented to lack and what it does then, what it does where the API
// leaves the choice, and with which options it is run here and why. An engine that runs here keeps
// it beside its code as profile.yaml; engines/elsewhere has those of the others.
//
// It decides what a profile must say. It must never look at a cluster or start anything:
// clusters/existing recognises by it, an engine takes its options and what it lacks from it.
//
//	profile.yaml ──Parse──▶ Profile ──▶ an engine's options and lacks, what a cluster is recognised by
package profile
