// Package asserttest plays expectations of policies in go test, for repositories that keep
// manifests.
//
// It decides nothing but which subtest a line is. It must never import anything that a cluster
// needs: a test of manifests takes milliseconds.
//
//	func TestPolicies(t *testing.T) { asserttest.Files(t, "manifests", "expectations.yaml") }
package asserttest
