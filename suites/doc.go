// Package suites is the conformance suite as a go test: see package e2e, which does the
// work, and docs/go-test.md for its use.
//
//	go test ./suites/... -args -provider lab --labels feature=EndPort
package suites
