// Package hnssim does with a packet what a Windows endpoint's ACL policies say, as far as that is
// documented.
//
// It decides by text alone, as the service does: of the ACLs that match, the one with the lowest
// priority counts, a Block before an Allow of the same one, and what none matches is blocked. It
// must never import what wrote the text, or it would prove nothing about it.
//
// It judges the first packet of a flow; the service lets replies of what it has allowed pass.
//
//	JSON ──Read──▶ Endpoint ──Judge(packet)──▶ pass or not
package hnssim
