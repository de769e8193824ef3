package registry

import (
	"context"
	"testing"

	"github.com/netassay/netassay/clusters/binaries"
)

// Names agree everywhere: with the engine's own, and with those of the programs that can
// be built; each peer that can be built is an engine, with its version.
func TestEntries(t *testing.T) {
	peers := map[string]string{}
	for _, p := range binaries.Peers() {
		peers[p.Name] = p.Known()
	}
	for _, entry := range Entries() {
		e, err := entry.Build(t.Context(), func(_ context.Context, name string) (string, error) { return "/bin/" + name, nil })
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != entry.Name {
			t.Errorf("entry %s makes engine %s", entry.Name, e.Name())
		}
		if entry.Version != peers[entry.Name] {
			t.Errorf("%s has version %q, its program %q", entry.Name, entry.Version, peers[entry.Name])
		}
		delete(peers, entry.Name)
		for _, u := range e.Unsupported() {
			if (u.Feature == "") == (u.Family == "") || u.Reason == "" {
				t.Errorf("%s: %+v names not one thing and its reason", entry.Name, u)
			}
		}
	}
	if len(peers) > 0 {
		t.Errorf("no engine runs %v", peers)
	}
}
