// Package oracle says what the specification says about one flow in one state. It is the
// harness's understanding of the NetworkPolicy API.
//
// It decides verdicts by reading the policies themselves, each time from the beginning:
// slow, and obvious. Above each branch stands the sentence of the specification that it
// follows, from the API documentation of networking.k8s.io/v1 (marked "API") or from
// https://kubernetes.io/docs/concepts/services-networking/network-policies/ ("page").
//
// It must never do I/O, read a clock, log, or import anything of the enforcer: the two
// understand the specification independently, and a property test holds them against each
// other. What can't be understood allows nothing, because the API server refuses it and
// an enforcer that met it all the same must not open.
//
//	Snapshot, Flow ──Evaluate──▶ Decision ══ pins of suites/cases ══ the enforcer's rules
package oracle
