package kuberouter

import (
	"os"
	"testing"

	"github.com/netassay/netassay/engines/agents"
)

// The metrics are those of an agent on a lab; before.metrics is the same with the
// histogram of syncs at zero.
func TestSynced(t *testing.T) {
	for file, want := range map[string]bool{"before.metrics": false, "after.metrics": true} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := agents.ParseMetrics(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := synced(m); (err == nil) != want || err != nil && err.Error() == "" {
			t.Errorf("%s: %v, want in sync %v", file, err, want)
		}
	}
	if err := synced(nil); err == nil || err.Error() == "" {
		t.Errorf("no metrics: %v", err)
	}
}
