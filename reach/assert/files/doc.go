// Package files reads manifests and what is expected of them from the same paths.
//
// It decides how a document of expectations is written, and on which line of a file each of them
// stands. Which documents are some, reach/manifests says.
//
// It must never judge an expectation, or reach a cluster.
//
//	paths ──manifests──▶ Inventory
//	  └──documents with expect──▶ assert.Expectations
package files
