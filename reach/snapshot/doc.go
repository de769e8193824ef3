// Package snapshot keeps an Inventory in a small file: to be read again later, to be compared with
// one of another day, to be attached to an issue.
//
// It decides the file's form, and what a redacted one hides. Pods are kept by class, with the node
// and the addresses of each and the names of the first few: policies see nothing else of them.
//
// It must never open a file, read a cluster, or judge a flow.
//
//	Inventory ──(Redact)──▶ Write ──▶ gzip of JSON ──Read──▶ Inventory, equal to every policy
package snapshot
