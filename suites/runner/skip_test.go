package runner

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/suites/cases"
)

func TestSkips(t *testing.T) {
	var s Skips
	for _, text := range []string{"a-*=issue 1", "b= why = not "} {
		if err := s.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"a-x": "issue 1", "b": "why = not", "bb": ""} {
		if got := s.reason(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for text, want := range map[string]string{"a": "reason is missing", "a=": "reason is missing", "[=x": "syntax error"} {
		if err := new(Skips).Set(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := s.Check([]cases.Case{{Name: "a-x"}, {Name: "bb"}}); err == nil || !strings.Contains(err.Error(), `unknown case "b"`) {
		t.Errorf("a pattern that matches nothing: %v", err)
	}
}

// Shards are disjoint, together they are all, and the order of what is given does not matter.
func TestShard(t *testing.T) {
	all := loadCases(t)
	for _, n := range []int{1, 2, 7} {
		seen := map[string]int{}
		for i := range n {
			part, err := Shard{i + 1, n}.Of(all)
			if err != nil {
				t.Fatal(err)
			}
			backwards := slices.Clone(all)
			slices.Reverse(backwards)
			again, _ := Shard{i + 1, n}.Of(backwards)
			if diff := cmp.Diff(namesOf(part), namesOf(again)); diff != "" {
				t.Errorf("%d/%d (-given so +given backwards):\n%s", i+1, n, diff)
			}
			if d := len(part) - len(all)/n; d < 0 || d > 1 {
				t.Errorf("%d/%d has %d cases of %d", i+1, n, len(part), len(all))
			}
			for _, c := range part {
				seen[c.Name]++
			}
		}
		if len(seen) != len(all) || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
			t.Errorf("%d shards have %d cases of %d, or one twice", n, len(seen), len(all))
		}
	}
	if _, err := (Shard{3, 3}).Of(all[:2]); err == nil || !strings.Contains(err.Error(), "shard 3/3 of 2 cases is empty") {
		t.Errorf("an empty shard: %v", err)
	}
	for _, text := range []string{"", "0/2", "3/2", "1", "1/2/3", "-1/2", "a/b", "1/0", " 1/2", "01/2"} {
		if s := (Shard{1, 2}); s.Set(text) == nil || s != (Shard{1, 2}) {
			t.Errorf("%q was taken: %v", text, s)
		}
	}
}

func namesOf(all []cases.Case) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}
