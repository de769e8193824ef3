// Package migrate says which policies mean something else under another engine.
//
// It decides where two engines differ on what a policy says, and in which direction: what
// becomes closed, what becomes open. What it knows of engines is a table of rules: each has
// the sentence of the specification, what single engines do instead and who says so, a
// predicate over policies, and the conformance cases that show the difference with packets.
// An engine that a rule does not mention does what the specification says.
//
// It is pure: no I/O, no clock, no logging. It must never guess: where it depends on
// addresses that nobody has told it, the finding says so.
//
//	policies, pods, nodes, Services ──Rules──▶ places ──two engines──▶ Findings ──▶ table, JSON
package migrate
