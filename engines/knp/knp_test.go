package knp

import (
	"os"
	"testing"
)

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
