// Package changeover watches flows of every node while the engine of a cluster is changed, and
// says for how long what was open or cut off, and where.
//
// It decides which pods stand on which node, which of their flows a policy must let pass and
// which not, and to which node and policy a wrong packet belongs. What is done meanwhile is a
// list of steps: those of this package swap engines on the nodes of a lab, one for a live
// cluster waits while somebody else does.
//
// It must never change a policy while it watches, nor take what it did not see for closed: what
// the packets of a segment say is decided by steady/account and probe/flows.
//
//	place ─flows─▶ steady.Load ─segments─▶ exposures ─▶ records
//	                    ▲ under
//	                  steps: engine stopped, leftovers listed and purged, engine started
package changeover
