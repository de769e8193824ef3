// Package claims writes a page that holds what the documentation of AKS says of its engines against
// what runs of netassay scale claims have measured.
//
// It decides which changes a sentence is about, and pools them. It must never judge an engine: a
// share and its interval are all that it says, and "not seen" is not "can't happen".
//
//	result directories ─▶ summary.Of ─▶ claims.Page ─▶ docs/claims.md
package claims
