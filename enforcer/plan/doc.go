// Package plan compiles a Snapshot into the sets and chains that one node's kernel should
// hold. It is the reference enforcer's understanding of the NetworkPolicy API.
//
// It decides what each policy means for the pods of one node: rules of typed conditions and
// verdicts, over typed names. How they are spelled for a tool is enforcer/render's to say,
// and how the kernel gets there, order, atomicity and repair, is enforcer/kernel's.
//
// It must never do I/O, read a clock, log, or import suites/oracle: the two understand the
// specification independently, and a property test holds them against each other.
//
//	API ──watch──▶ Snapshot ──plan──▶ Plan ──render──▶ restore text ──kernel──▶ netfilter
package plan
