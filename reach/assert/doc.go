// Package assert holds what people expect of their own policies against what these say.
//
// It decides which flows a line of expectations stands for, and whether the oracle agrees on each.
// A line is written as in conformance cases, with names of workloads, labels and addresses of the
// world outside; of two lines for one flow the later one counts.
//
// It is pure: files are read by reach/assert/files. It must never read a policy by itself: what
// policies say is the oracle's to say, and where the specification leaves a flow open neither
// allow nor deny holds.
//
//	Inventory, lines ──flows──▶ oracle ──▶ Report ──▶ table, JSON, JUnit
package assert
