package proof

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/suites/oracle"
)

// scenarios is the size of the proof. 1,000 snapshots with 20 flows each are 20,000 pairs;
// raise it for a night's run.
var scenarios = flag.Uint64("scenarios", 1000, "how many seeded snapshots to judge, with 20 flows each")

const flowsPerScenario = 20

// disagreement is a flow that oracle and tracer judge differently.
type disagreement struct {
	snapshot model.Snapshot
	flow     model.Flow
	want     oracle.Decision
	got      model.Verdict
	log      string
	mutate   func(simnet.Text) simnet.Text // what was done to the text; nil: nothing
}

func (d disagreement) String() string {
	return fmt.Sprintf("%s\noracle: %s, %s\ntracer: %s\n%s", d.flow, d.want.Verdict, d.want.Reason, d.got, d.log)
}

// TestOracleAgreesWithRenderedText is the law that the enforcer stands on: for every
// snapshot and flow, what the specification says is what a packet meets on its way.
func TestOracleAgreesWithRenderedText(t *testing.T) {
	count := map[model.Verdict]int{}
	for seed := range *scenarios {
		s := gen.New(seed, flowsPerScenario)
		d, err := check(s.Snapshot, s.Flows, nil, count)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d != nil {
			t.Fatalf("seed %d: %s\ninput, reduced: %s", seed, d, save(t, seed, shrink(*d)))
		}
	}
	checkBalance(t, count)
}

// checkBalance makes sure that the test could have failed: verdicts of both kinds are
// common, and flows that are not judged are few.
func checkBalance(t *testing.T, count map[model.Verdict]int) {
	t.Helper()
	total := count[model.Allow] + count[model.Deny] + count[model.Undefined]
	if total < 10000 {
		t.Errorf("%d pairs, want 10,000 at least", total)
	}
	for _, v := range []model.Verdict{model.Allow, model.Deny} {
		if 5*count[v] < total {
			t.Errorf("%s is below 20 %%: %v", v, count)
		}
	}
	if 20*count[model.Undefined] > total {
		t.Errorf("Undefined is above 5 %%: %v", count)
	}
	t.Logf("verdicts of the oracle: %v", count)
}

// check compares all flows in one snapshot and returns the first disagreement, or nil.
// Flows that the specification does not judge are skipped, and counted.
func check(s model.Snapshot, flows []model.Flow, mutate func(simnet.Text) simnet.Text, count map[model.Verdict]int) (*disagreement, error) {
	net, err := simnet.Build(s, mutate)
	if err != nil {
		return nil, err
	}
	for _, f := range flows {
		want := oracle.Evaluate(s, f)
		if count != nil {
			count[want.Verdict]++
		}
		if want.Verdict == model.Undefined {
			continue
		}
		got, log, err := net.Judge(f)
		if err != nil {
			return nil, err
		}
		if got != want.Verdict {
			return &disagreement{s, f, want, got, log, mutate}, nil
		}
	}
	return nil, nil
}

// save writes a failing input where the developer can find it, as an archive that
// TestSavedInputs runs from then on when it is moved to testdata.
func save(t *testing.T, seed uint64, d disagreement) string {
	t.Helper()
	dir := filepath.Join("testdata", "failing")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fmt.Sprintf("seed-%d.txtar", seed))
	if err := os.WriteFile(path, marshal(t, d), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
