// Package files reads manifests and what is expected of them from the same paths.
//
// It decides which documents are expectations: those with a field expect, and of kind Expectations
// or of none. Everything else is a manifest, and read as one.
//
// It must never judge an expectation, or reach a cluster.
//
//	paths ──manifests──▶ Inventory
//	  └──documents with expect──▶ assert.Expectations
package files
