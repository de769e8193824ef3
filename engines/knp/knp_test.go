package knp

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/netassay/netassay/engines/enginestest"
)

var update = flag.Bool("update", false, "write what the code gives into the golden files")

func TestCommand(t *testing.T) {
	e := &Engine{Binary: "/bin/" + Name}
	enginestest.Golden(t, "testdata/command.txt", strings.Join(e.Command(&enginestest.Node{}), "\n")+"\n", *update)
}

// The list is one of a node of a lab, with the agent's queue and without.
func TestListens(t *testing.T) {
	list, err := os.ReadFile("testdata/nfnetlink_queue")
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]bool{"100": true, "10": false, "0": false} {
		if got := listens(list, number); got != want {
			t.Errorf("queue %s: %v, want %v", number, got, want)
		}
	}
	if listens(nil, queue) {
		t.Error("an empty list has a queue")
	}
}
