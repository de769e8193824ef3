// Package assert is what a repository of manifests needs to hold its NetworkPolicies against what
// it expects of them, in go test and without a cluster.
package assert

import (
	"testing"

	"github.com/netassay/netassay/reach/assert/asserttest"
)

func TestPolicies(t *testing.T) { asserttest.Files(t, "manifests", "expectations.yaml") }

// Of the mistakes that somebody could make in the policies, nine in ten are noticed at least.
func TestMistakesAreNoticed(t *testing.T) {
	asserttest.Mutate(t, 90, "manifests", "expectations.yaml")
}
