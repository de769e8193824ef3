// Package cases holds the conformance cases: what is changed in a cluster, in which steps,
// and what every flow between its pods must then do. A case is one readable file (see
// docs/case-format.md), embedded in the binary.
//
// It decides what the author of a case expects (the pins), and nothing about what the
// specification says: that is suites/oracle's. A test holds the two against each other
// for every cell of every case, and Disagreements lets a runner do so on a real cluster.
//
// It must never do I/O other than reading the embedded files, read a clock, log, or import
// anything of the enforcer.
//
// A new kind of action is a field of the header, a type with its place in parser.action,
// and a method of World, which the fake cluster here and the fixture set of suites/runner
// implement.
//
//	*.txtar ──Load──▶ Case ──Do──▶ actions in one World ──runner──▶ observations
//	                    └────Want──▶ verdict of one cell ──────judge──▶ outcome
package cases
