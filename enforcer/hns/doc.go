// Package hns writes what a Plan means for one pod as the ACL policies of a Windows endpoint, in the
// JSON of the Host Network Service.
//
// It decides how conditions become addresses and ports: sets are written out, named ports as their
// numbers, excepts subtracted, and what selectors exclude is not among the addresses. What ACLs
// can't say (SCTP) is a Problem and allows nothing. plan has decided what the policies mean.
//
// It is pure. It has never run on a Windows node: a simulator of what is documented of ACLs
// (enforcer/hnssim) is held against the oracle by a property test, and that is all that is known.
//
//	Snapshot ──plan──▶ Plan ──Render──▶ ACLs ──JSON──▶ HNS, or hnssim
package hns
