// Package chaos breaks what surrounds an enforcer, and the enforcer itself, while packets
// flow whose verdict never changes: edits of a large policy, agents that are killed at
// random instants, policies deleted and made again, an API server that hangs, a lock that
// is held, rules destroyed by another tool. It counts packets that went wrong; how long a
// change takes is measured by scale.
//
//	seed ─▶ schedule ─▶ actions, one per phase ─▶ agents, policies, nodes
//	                          │ under
//	                        steady ─▶ probe/flows ─▶ segments ─▶ account ─▶ verdict
//
// It decides what is done when (schedule, pure, from a seed) and to whom. What the packets
// say is decided by steady/account. Each phase is an action with the parts that it needs.
//
// It must never start a fault before the flows are seen to be right, change what decides a
// must-drop or must-pass flow, or send a packet itself. It works on a lab only: it kills
// processes and writes into nodes.
package chaos
