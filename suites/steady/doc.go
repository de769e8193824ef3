// Package steady watches flows whose verdict never changes while something else happens: by
// one-way streams, in segments that overlap, and by new TCP connections all the time. What
// leaks and what is lost is found with its time.
//
//	flows ─▶ probe/flows ─▶ segments ─▶ account ─▶ tally, findings
//
// The caller says which flows must pass and which must not, and what is done meanwhile.
// What the packets say is decided by account.
//
// It must never know of a policy, an engine or a fault, nor leave a time unwatched between
// two segments.
package steady
