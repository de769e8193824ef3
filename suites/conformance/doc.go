// Package conformance is a run of the conformance suite on a testbed, as far as command line
// and go test have it in common: what a run can be told, what the runner is given, and what
// the report says of the testbed.
//
// It decides which flags a run has beside those of package testbed, and their defaults. It
// must never play or judge a case: suites/runner does.
//
//	internal/cli, suites/e2e ─▶ conformance ─▶ suites/runner
//	                                 └─▶ testbed
package conformance
