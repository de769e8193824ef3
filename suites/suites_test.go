package suites_test

import (
	"testing"

	"github.com/netassay/netassay/suites/e2e"
)

var suite e2e.Suite

func TestMain(m *testing.M) { suite.Main(m) }

func TestNetworkPolicies(t *testing.T) { suite.Test(t) }
