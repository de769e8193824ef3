// Package summary computes the figures of a scale run from its raw samples and readings, the
// verdict by the engines' limits, the sides of a comparison, and the growth over sizes.
//
// It must never do I/O (package reports reads and writes directories, reports/render tells
// people), and never average over transitions: they are different questions.
package summary
