// Package ci is what the repository of an engine needs to judge its engine in CI: this
// file, in a package of its own, and workflow.yaml as .github/workflows/networkpolicy.yaml.
package ci

import (
	"testing"

	"github.com/netassay/netassay/suites/e2e"
)

var suite e2e.Suite

func TestMain(m *testing.M) { suite.Main(m) }

func TestNetworkPolicies(t *testing.T) { suite.Test(t) }
