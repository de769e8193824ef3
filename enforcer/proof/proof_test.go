package proof

import (
	"testing"

	"github.com/netassay/netassay/enforcer/gen"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// The size of the proof: 2,500 snapshots with 20 flows each.
const (
	scenarios        = 2500
	flowsPerScenario = 20
)

// TestOracleAgreesWithRenderedText is the law that the enforcer stands on: for every
// snapshot and flow, what the specification says is what a packet meets on its way.
func TestOracleAgreesWithRenderedText(t *testing.T) {
	count := map[model.Verdict]int{}
	for seed := range uint64(scenarios) {
		s := gen.New(seed, flowsPerScenario)
		net, err := build(s.Snapshot, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, f := range s.Flows {
			want := oracle.Evaluate(s.Snapshot, f)
			count[want.Verdict]++
			if want.Verdict == model.Undefined {
				continue
			}
			got, log, err := net.judge(f)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if got != want.Verdict {
				t.Errorf("seed %d: %s\noracle: %s, %s\ntracer: %s\n%s", seed, f, want.Verdict, want.Reason, got, log)
			}
		}
	}
	t.Logf("verdicts of the oracle: %v", count)
}
