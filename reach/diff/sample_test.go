package diff

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/inventory"
)

// A sample keeps to its bounds, counts what it leaves, and is the same for the same seed.
func TestSampleIsBounded(t *testing.T) {
	small := Bounds{Pods: 4, Ports: 2, Same: 3}
	left := 0
	for seed := range uint64(20) {
		before := gen.New(seed, 0).Snapshot
		after, _ := edited(before, seed)
		r := Between(&inventory.Inventory{Snapshot: before}, &inventory.Inventory{Snapshot: after})
		s := r.Sample(seed, small)
		if s.Changed+s.Left != len(r.Changes) || s.Same > small.Same {
			t.Fatalf("seed %d: of %d changes %d are asked about and %d left; %d of at most %d did not change", seed, len(r.Changes), s.Changed, s.Left, s.Same, small.Same)
		}
		for _, lines := range [][]string{s.Before, s.After} {
			pods, ports := map[string]bool{}, map[string]bool{}
			for _, l := range lines {
				words := strings.Fields(l)
				pods[words[0]], pods[words[2]], ports[words[4]] = true, true, true
			}
			if len(pods) > small.Pods || len(ports) > small.Ports {
				t.Errorf("seed %d: %d pods and %d ports:\n%s", seed, len(pods), len(ports), strings.Join(lines, "\n"))
			}
		}
		if again := r.Sample(seed, small); !slices.Equal(s.After, again.After) || !slices.Equal(s.Before, again.Before) {
			t.Errorf("seed %d: two samples differ", seed)
		}
		left += s.Left
	}
	if left == 0 {
		t.Error("nothing was beyond the bounds: the test has lost its way")
	}
}

func TestPage(t *testing.T) {
	before := gen.New(1, 0).Snapshot
	after, name := edited(before, 1)
	r := Between(&inventory.Inventory{Snapshot: before}, &inventory.Inventory{Snapshot: after})
	r.Notes = []string{"a <note>"}
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<!doctype html>", name, `data-filter="`, "a &lt;note&gt;", r.headline()} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page has no %q", want)
		}
	}
}
