// Package audit asks the engine of a live cluster about the policies that are there, by packets
// between probe pods that stand for the cluster's own.
//
// It decides when a flow is asked, when enough was seen, and what has shown that silence is an
// answer: both ends reached each other before any policy was there and reach each other again when
// the policies are gone, and meanwhile the server answers whoever may talk to it, or itself, at the
// same address and port in the same round. What is expected the oracle says, of the objects that the
// cluster has then; what was seen suites/judge weighs.
//
// It must never touch a namespace that it has not made, send a packet to anything but a probe pod,
// or use the network of a node.
//
//	shadow.Plan ──place──▶ pods ──open round──▶ policies ──rounds──▶ no policies ──open round──▶ records
//	                                              └─ second read, oracle: what to expect
package audit
