// Package runner runs conformance cases on a cluster: it makes the fixture, does the steps,
// keeps probing while and after they happen, and hands what it saw to the judge.
//
// It decides when to probe what, and when enough was seen. It must never decide what is
// right (the pins and suites/oracle do) or what an observation means (suites/judge does),
// never wait for a fixed time, and never touch a namespace that it did not create.
//
//	cases ──queue──▶ fixture set ──do──▶ API server
//	                   │ step: watch ──rounds──▶ probers ──observations──▶ judge ──▶ reports/v1
//	                   └ baseline before the first step, restored and checked after the last
//
// A session has a ledger, which knows what is still to be played and what was found, and a
// stage: the API server and the control probers, one on each node. On it stand fixture
// sets. Each is one set of fixture namespaces and pods, and the world that the actions of
// one case at a time are done in; several work at once and share nothing but the stage.
//
// Each step is watched from before its first write. A round probes many cells at once and,
// beside those from which silence is wanted, or a change, the live controls: every server
// from its own node. Of other silence they are asked when it has come. Cells that must not
// change are probed in every full round, those that stay allowed in every second one until
// the hold window is over. Cells that must change are probed in fast rounds
// from the ack until they are right, and then in full rounds until they were right for the
// hold window. A probe to a denied cell is answered by silence, so its verdict is known
// one timeout later; the next step begins without waiting for that, as nothing that
// happens afterwards can turn a packet that was dropped into one that passed. What comes
// in late still counts for the step in which it was sent.
package runner
