// Package scale holds the types of a scale run's results, what is computed from them, and
// how that is told to people.
//
// A result is three lists of raw data under one set of conditions: samples (what a change
// of policy took, and what leaked meanwhile), readings (what an engine's process and its
// kernel objects weighed), and points (costs at other sizes). Everything else is computed
// from these, so that a figure can be checked, or computed otherwise, years later.
//
// It must never do I/O (package reports reads and writes directories), and never average over
// transitions: they are different questions.
package scale
