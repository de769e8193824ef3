package cli

import (
	"strings"
	"testing"

	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/reach/assert/packets"
	"github.com/netassay/netassay/reach/diff"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/manifests"
)

// What a difference names can be played on both sides, within what one case can have, whatever the
// two states are: those that have nothing in common have nothing to play.
func TestStatesCanBePlayed(t *testing.T) {
	played := 0
	for seed := range uint64(20) {
		before, after := gen.New(seed, 0).Snapshot, gen.New(seed, 0).Snapshot
		after.Policies = after.Policies[1:]
		sides := [2]*inventory.Inventory{{Snapshot: before}, {Snapshot: after}}
		s := diff.Between(sides[0], sides[1]).Sample(sampleSeed, liveBounds())
		plays, err := playsOf(s, sides) // which asks the oracle about each line
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var names []string
		for _, p := range plays {
			names = append(names, p.Case.Name)
			if len(p.Case.Probes) > packets.MostPorts {
				t.Errorf("seed %d: %d ports", seed, len(p.Case.Probes))
			}
		}
		if strings.Join(names, " ") == "before after" {
			played++
		}
	}
	if played < 15 {
		t.Errorf("both sides are played of %d of 20 differences", played)
	}
	if _, err := playsOf(diff.Sample{After: []string{"x/a -> x/b deny 80/TCP"}}, [2]*inventory.Inventory{nil, open(t)}); err == nil || !strings.Contains(err.Error(), "1 flows after are not as the difference says") {
		t.Errorf("of a line that does not hold: %v", err)
	}
	if _, err := playsOf(diff.Sample{}, [2]*inventory.Inventory{}); err == nil || !strings.Contains(err.Error(), "no flow can be played") {
		t.Errorf("of nothing: %v", err)
	}
}

// open is two pods without a policy.
func open(t *testing.T) *inventory.Inventory {
	t.Helper()
	v, err := manifests.Parse("f", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: x}\n"), manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
