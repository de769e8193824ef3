// Package v1 holds version 1 of the report types: what a run of the conformance suite
// leaves behind for people and for machines.
//
// It decides two small things, both pure: which verdict a run has (pass, fail or void) and
// which exit code follows. Everything else is plain data with JSON names that stay.
//
// It must never do I/O, read a clock, or import anything but the standard library, so that
// anybody can read a result directory with it.
//
// The runner fills these types; reports/render turns them into text, JUnit and JSON lines.
// Within v1, fields may be added, never renamed, removed or given another meaning.
package v1
