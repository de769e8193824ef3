// Package v1 holds version 1 of the record types: what a run of any experiment (conformance,
// the AKS check, chaos, scale) leaves behind for people and for machines.
//
// It decides a few small things, all pure: which verdict a conformance run has (pass, fail or
// void), which exit code follows from a verdict, what a quantile is, and which scale runs may
// be joined. Everything else is plain data with JSON names that stay.
//
// It must never do I/O, read a clock, or import anything but the standard library, so that
// anybody can read a result directory with it.
//
// The experiments fill these types; reports/render turns them into text, JUnit and JSON lines.
// Within v1, fields may be added, never renamed, removed or given another meaning.
package v1
