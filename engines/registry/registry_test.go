package registry

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/engines/azurenpm"
	"github.com/netassay/netassay/engines/profile"
)

// What is known of engines on Windows is told with its sources, and by other agents than those of
// Linux. What leaves a door open there is a failure, and no excuse.
func TestOnWindows(t *testing.T) {
	agents := map[string]string{}
	for _, p := range Profiles() {
		for _, r := range p.Recognise {
			agents[r.DaemonSet] = p.Name
		}
	}
	for _, p := range OnWindows() {
		if len(p.Unsupported) == 0 {
			t.Errorf("%s lacks nothing", p.Name)
		}
		for _, r := range p.Recognise {
			if other := agents[r.DaemonSet]; other != "" {
				t.Errorf("DaemonSet %s is of %s and of %s", r.DaemonSet, p.Name, other)
			}
			agents[r.DaemonSet] = p.Name
		}
		excuses := 0
		for _, u := range p.Lacks() {
			if u.Excuse() {
				excuses++
			}
		}
		if open := p.Name == azurenpm.OnWindows().Name; open != (excuses == 0) {
			t.Errorf("%s has %d excuses", p.Name, excuses)
		}
	}
}

// Each engine of another project, and our own, has a profile by its name, and declares what that
// says that it lacks, and nothing else.
func TestProfiles(t *testing.T) {
	known := map[string]profile.Profile{}
	for _, p := range slices.Concat(Profiles(), OnWindows()) {
		names := []string{p.Name}
		for _, v := range p.Variants {
			names = append(names, v.Name)
		}
		for _, name := range names {
			if _, twice := known[name]; twice {
				t.Errorf("two profiles of %s", name)
			}
			known[name], _ = p.Variant(name)
		}
	}
	for _, entry := range slices.Concat(ours(), peers()) {
		p, ok := known[entry.Name]
		if !ok {
			t.Errorf("%s has no profile", entry.Name)
		}
		if diff := cmp.Diff(p.Lacks(), entry.New("/bin/x").Unsupported()); diff != "" {
			t.Errorf("%s lacks (-profile +engine):\n%s", entry.Name, diff)
		}
	}
}

// The page says of each engine that runs here what it lacks, and what becomes of it.
func TestPageHasLacks(t *testing.T) {
	page, err := os.ReadFile("../../docs/peers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range peers() {
		for _, u := range entry.New("/bin/x").Unsupported() {
			told := slices.ContainsFunc(strings.Split(string(page), "\n"), func(row string) bool {
				cells := strings.Split(row, "|")
				return len(cells) > 4 && strings.Contains(cells[1], "`"+entry.Name+"`") && strings.Contains(cells[2], "`"+u.Feature+string(u.Family)+"`") && strings.TrimSpace(cells[3]) == string(u.Then)
			})
			if !told {
				t.Errorf("docs/peers.md has no row that says that %s lacks %s%s, and then: %s", entry.Name, u.Feature, u.Family, u.Then)
			}
		}
	}
}

// Names agree everywhere: with the engine's own, and with those of the programs that can
// be built; each peer that can be built is an engine, with its version.
func TestEntries(t *testing.T) {
	known := map[string]string{}
	for _, p := range binaries.Peers() {
		known[p.Name] = p.Known()
	}
	unused := maps.Clone(known)
	for _, entry := range Entries() {
		e, err := entry.Build(t.Context(), func(_ context.Context, name string) (string, error) { return "/bin/" + name, nil })
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != entry.Name {
			t.Errorf("entry %s makes engine %s", entry.Name, e.Name())
		}
		if known[entry.Program] != entry.Version {
			t.Errorf("%s has version %q, its program %q", entry.Name, entry.Version, known[entry.Program])
		}
		delete(unused, entry.Program)
		for _, u := range e.Unsupported() {
			if (u.Feature == "") == (u.Family == "") || u.Reason == "" || u.Then == "" {
				t.Errorf("%s: %+v names not one thing, its reason and what becomes of it", entry.Name, u)
			}
		}
	}
	if len(unused) > 0 {
		t.Errorf("no engine runs %v", unused)
	}
}
