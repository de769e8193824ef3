// Package fuzz draws cases that nobody wrote: worlds and edits over the whole grammar of
// NetworkPolicy, pinned by the oracle, and makes a case that convicts an engine smaller for
// as long as it does.
//
// It decides what is asked. It prefers steps that tell misreadings of the API (suites/misread)
// apart that earlier ones did not: a world in which every reading gives the same verdicts
// shows nothing. How a case is played is the players' business; one without packets, for
// what can be asked on paper, is here.
//
// It must never do I/O or read a clock: the same seed gives the same cases, on every machine.
//
//	seed ──Generator──▶ Case ──player──▶ wrong? ──Shrink──▶ smallest Case ──cases.Format──▶ file
package fuzz
