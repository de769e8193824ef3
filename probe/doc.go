// Package probe is the harness's side of probing: it drives the resident probers that run
// inside pods, and puts together what the client saw with what the receiver saw.
//
// It reports observations, never verdicts, and it never hides a cell: a probe that could
// not be made is an Inconclusive observation that says why. Where it sits:
//
//	suites, scale ──▶ Fleet ──JSON lines──▶ cmd/probe in each pod ══packets══▶ cmd/probe
//	                    ▲                                                        │
//	                    └──────────────────────── receipts ──────────────────────┘
//
// It is the lowest layer, beside model: it imports neither clusters, engines, suites, scale
// nor reports, and all of them may import it. Beneath it, probe/agent and probe/wire are
// what runs in pods and how it is spoken to; probe/podspec and probe/pods bring probers
// into pods; probe/flows watches flows while something changes.
//
// The stream to a prober is a process pipe in the lab and an exec stream in a cluster: a
// channel that no NetworkPolicy can cut. How it is opened is the caller's affair (Dial).
//
// It must never dial a target itself, know of policies, or treat an error as an answer.
package probe
