// Package e2e makes the conformance suite a go test, through sigs.k8s.io/e2e-framework: in
// this repository (package suites) and in that of anyone who develops an engine.
//
//	var suite e2e.Suite
//
//	func TestMain(m *testing.M)          { suite.Main(m) }
//	func TestNetworkPolicies(t *testing.T) { suite.Test(t) }
//
// Each case is a feature of the framework and each of its steps an assessment. The
// framework selects, orders and reports; suites/runner plays and judges, as it does for
// the command line, and reports writes the same result directory.
//
//	flags ─▶ Main ─▶ sandbox (lab) ─▶ Test ─▶ testbed.Provider ─▶ runner.Session
//	                                   │                        ▲ Play, once per feature
//	                                   └─▶ framework ─ feature ─┘─▶ assessments read the result
//	                                   always, last: results written, session closed, Testbed.Down
//
// The package decides what a case is called and labelled, when a run must end, and what
// becomes of it then. It must never decide an outcome, and never leave anything running:
// what Test brings up goes down in its Cleanup, which a failed, panicking, interrupted or
// late test reaches too.
package e2e
