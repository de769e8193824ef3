// Package diff says which flows two Inventories let through differently, and which policy makes the
// difference.
//
// It decides which classes of both are the same, and that a policy makes a difference when the
// flow's verdict is the old one again with that policy as it was. Verdicts are the matrices'. It
// must never do I/O.
//
//	Inventory before, after ──Between──▶ Report ──Text──▶ text
package diff
