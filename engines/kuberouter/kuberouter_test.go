package kuberouter

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/engines/enginestest"
)

var update = flag.Bool("update", false, "write what the code gives into the golden files")

func TestCommand(t *testing.T) {
	e := &Engine{Binary: "/bin/" + Name}
	enginestest.Golden(t, "testdata/command.txt", strings.Join(e.Command(&enginestest.Node{}), "\n")+"\n", *update)
}

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
		ok, answer := synced(m)
		if ok != want || ok != (answer == "") {
			t.Errorf("%s: %v %q, want %v", file, ok, answer, want)
		}
	}
	if ok, answer := synced(nil); ok || answer == "" {
		t.Errorf("no metrics: %v %q", ok, answer)
	}
}
