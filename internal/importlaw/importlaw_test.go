package importlaw

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImportLaw(t *testing.T) {
	g := load(t)
	for _, r := range law() {
		for _, v := range g.vacuous(r) {
			t.Errorf("%s\n\trule: %s", v, r.why)
		}
		bound := g.bound(r)
		if len(bound) == 0 {
			t.Errorf("the rule binds no package: %s", r.why)
		}
		for _, path := range bound {
			for _, v := range g.violations(r, path) {
				t.Errorf("%s\n\tforbidden: %s", v, r.why)
			}
		}
	}
}

// The law is held only if a breach of it is seen: directly, through another package of
// ours, through a foreign one, and from a test.
func TestBreachesAreSeen(t *testing.T) {
	g := fixture(t, `
		a imports b os/exec
		b imports c
		c imports far.org/lib
		far.org/lib imports net far.org/deep
		d imports
		d tests b
		net imports
		os/exec imports
		far.org/deep imports
	`)
	for _, tc := range []struct {
		name string
		rule rule
		want []string
	}{
		{name: "direct", rule: rule{from: []string{"./b"}, forbid: []string{"./c"}}, want: []string{"b → c"}},
		{name: "through ours", rule: rule{from: []string{"./a"}, forbid: []string{"./c"}}, want: []string{"a → b → c"}},
		{name: "through foreign", rule: rule{from: []string{"./a"}, forbid: []string{"far.org/deep"}}, want: []string{"a → b → c → far.org/lib → far.org/deep"}},
		{name: "tree", rule: rule{from: []string{"./c"}, forbid: []string{"far.org/..."}}, want: []string{"c → far.org/lib"}},
		{name: "used by ours", rule: rule{from: []string{"./a"}, use: []string{"os/exec"}}, want: []string{"a → os/exec"}},
		{name: "used by ours, through ours", rule: rule{from: []string{"./a"}, use: []string{"far.org/lib"}}, want: []string{"a → b → c → far.org/lib"}},
		{name: "used by others", rule: rule{from: []string{"./a"}, use: []string{"net"}}},
		{name: "forbidden to others too", rule: rule{from: []string{"./a"}, forbid: []string{"net"}}, want: []string{"a → b → c → far.org/lib → net"}},
		{name: "only", rule: rule{from: []string{"./c"}, only: []string{"./b"}}, want: []string{"c → far.org/lib"}},
		{name: "only, nothing", rule: rule{from: []string{"./b"}, only: []string{}}, want: []string{"b → c"}},
		{name: "only, kept", rule: rule{from: []string{"./a"}, only: []string{"./b"}}},
		{name: "tests don't count", rule: rule{from: []string{"./d"}, forbid: []string{"./c"}}},
		{name: "tests count", rule: rule{from: []string{"./d"}, forbid: []string{"./c"}, tests: true}, want: []string{"d → b → c"}},
		{name: "excepted", rule: rule{from: []string{"./..."}, except: []string{"./a", "./b"}, forbid: []string{"./c"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, path := range g.bound(tc.rule) {
				got = append(got, g.violations(tc.rule, path)...)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestVacuousRulesAreSeen(t *testing.T) {
	g := fixture(t, "a imports b\nb imports")
	r := rule{from: []string{"./a", "./gone"}, forbid: []string{"./b/...", "./lost/...", "far.org/never"}}
	want := []string{
		"no package is named gone any more: mend the rule",
		"no package is named lost/... any more: mend the rule",
	}
	if diff := cmp.Diff(want, g.vacuous(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// fixture reads lines of "package imports|tests other..."; names without a dot and
// without a slash are of this module.
func fixture(t *testing.T, text string) graph {
	t.Helper()
	name := func(s string) string {
		if strings.ContainsAny(s, "./") || s == "net" {
			return s
		}
		return full("./" + s)
	}
	g := graph{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		path := name(words[0])
		p := g[path]
		p.ImportPath, p.Standard = path, !strings.Contains(path, ".")
		var imports []string
		for _, w := range words[2:] {
			imports = append(imports, name(w))
		}
		switch words[1] {
		case "imports":
			p.Imports = imports
		case "tests":
			p.XTestImports = imports
		default:
			t.Fatalf("fixture: %q", line)
		}
		g[path] = p
	}
	return g
}
