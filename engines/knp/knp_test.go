package knp

import (
	"flag"
	"os"
	"testing"

	"github.com/netassay/netassay/engines/enginestest"
)

var update = flag.Bool("update", false, "write what the code gives into the golden files")

func TestCommand(t *testing.T) {
	e, n := New("/bin/"+Name), &enginestest.Node{}
	if err := e.Prepare(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Start("knp", e.Argv(n), nil); err != nil {
		t.Fatal(err)
	}
	enginestest.Golden(t, "testdata/command.txt", n.Calls(), *update)
}

// The list is one of a network namespace in which two programs listen.
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
