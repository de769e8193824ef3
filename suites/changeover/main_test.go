package changeover

import (
	"testing"

	"github.com/netassay/netassay/suites/internal/testmain"
)

func TestMain(m *testing.M) { testmain.Main(m) }
