// Package elsewhere has the profiles of engines that clusters have and that never ran here: how a
// cluster shows them, what they leave in its API, and what they say of themselves.
//
// It decides nothing. It must never hold what nobody has written down or seen.
//
//	*.yaml ──engines/profile──▶ Profiles ──▶ engines/registry
package elsewhere
