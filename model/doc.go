// Package model holds the nouns that the whole of netassay shares: Pod, Namespace, Node,
// Family, Flow, Verdict, Snapshot.
//
// It decides nothing. What a policy means is decided twice, independently, by
// suites/oracle (slow and obvious) and by enforcer/plan (fast); both read these nouns and
// neither may import the other, or one misreading of the specification would hide in both.
//
// It must never do I/O, read a clock, log, or evaluate a policy. It may import the
// standard library, k8s.io/api and k8s.io/apimachinery only.
//
// Words, used with these meanings everywhere:
//
//	subject      the pod that a policy selects
//	peer         the other end of a flow, as seen from the subject
//	flow         client address, server address, protocol, port: after DNAT, before SNAT
//	verdict      what the specification says about a flow
//	observation  what a probe saw; a fact, never an expectation
//	outcome      observation judged against verdict
//	cell         one flow in one step of a case
//	engine       what enforces policies
//	step         one change to the cluster, followed by judged cells
package model
