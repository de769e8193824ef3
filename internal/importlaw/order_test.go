package importlaw

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A directory is a place in the order of imports.
type directory struct {
	name string
	// sees are the directories whose packages it may import; each stands before it.
	sees []string
	// rows are its packages, those of the lowest row first. A package may import those of
	// rows before its own, and none of its own row.
	rows [][]string
}

// order lists every package of the module. An import that is not a test's goes to an
// earlier row of the same directory, or to a directory that sees names: there is no arrow
// up, and none sideways.
func order() []directory {
	return slices.Concat(foundations(), places(), experiments(), programs())
}

// foundations are what everything else may stand on.
func foundations() []directory {
	return []directory{
		{name: "leaves", rows: [][]string{
			{"internal/flock", "internal/golden", "internal/image", "internal/process", "internal/sandbox", "internal/suggest", "internal/terminal", "internal/terminal/terminaltest", "kind-configs"},
			{"internal/strictyaml"},
		}},
		{name: "model", rows: [][]string{{"model"}, {"model/gen"}}},
		{name: "probe", sees: []string{"model"}, rows: [][]string{
			{"probe/wire", "probe/podspec"},
			{"probe/agent/sctp", "probe/agent/seq"},
			{"probe/agent", "probe"},
			{"probe/flows", "probe/pods"},
		}},
	}
}

// places are engines and what they run on.
func places() []directory {
	return []directory{
		{name: "engines", sees: []string{"leaves", "model"}, rows: [][]string{
			{"engines"},
			{"engines/agents", "engines/objects", "engines/profile"},
			{"engines/azurenpm", "engines/calico", "engines/cilium", "engines/command", "engines/denyall", "engines/elsewhere", "engines/flawed", "engines/knp", "engines/kuberouter", "engines/none", "engines/reference"},
			{"engines/registry"},
		}},
		{name: "clusters", sees: []string{"leaves", "model", "probe", "engines"}, rows: [][]string{
			{"clusters", "clusters/binaries"},
			{"clusters/existing", "clusters/nodeimage"},
			{"clusters/lab/binder", "clusters/lab/cni", "clusters/lab/network", "clusters/lab/pki"},
			{"clusters/lab/controlplane"},
			{"clusters/lab/kubelet/environ", "clusters/lab/kubelet/lifecycle", "clusters/lab/kubelet/podlog", "clusters/lab/kubelet/probes", "clusters/lab/kubelet/process"},
			{"clusters/lab/kubelet"},
			{"clusters/kind", "clusters/lab"},
		}},
		{name: "testbed", sees: []string{"leaves", "engines", "clusters"}, rows: [][]string{{"testbed"}}},
		{name: "reports", rows: [][]string{
			{"reports/trend/changepoint", "reports/v1"},
			{"reports/live", "reports/metrics", "reports/page", "reports/published", "reports/render", "reports/schema", "reports/status"},
			{"reports", "reports/diff", "reports/trend", "reports/internal/nights"},
			{"reports/dashboards", "reports/openmetrics", "reports/trendpage"},
		}},
		{name: "incluster", sees: []string{"leaves", "reports"}, rows: [][]string{{"incluster/kindtest", "incluster/manifest", "incluster/outcome"}, {"incluster"}}},
	}
}

// experiments don't see each other, but for reach, which asks the oracle.
func experiments() []directory {
	below := []string{"leaves", "model", "probe", "engines", "clusters", "testbed", "reports"}
	return []directory{
		{name: "suites", sees: below, rows: [][]string{
			{"suites", "suites/oracle", "suites/judge", "suites/internal/fakenode", "suites/internal/testmain", "suites/kindtest", "suites/steady/account"},
			{"suites/cases", "suites/steady"},
			{"suites/fixture", "suites/misread", "suites/chaos"},
			{"suites/fuzz", "suites/verify", "suites/changeover"},
			{"suites/runner"},
			{"suites/conformance"},
			{"suites/e2e", "suites/fuzz/play", "suites/mutants"},
		}},
		{name: "scale", sees: below, rows: [][]string{
			{"scale/measure", "scale/profile", "scale/stats"},
			{"scale/compare", "scale/load"},
			{"scale/hollow", "scale/summary"},
			{"scale/claims"},
			{"scale/run"},
		}},
		{name: "reach", sees: append(below, "suites"), rows: [][]string{
			{"reach/inventory"},
			{"reach/live", "reach/manifests", "reach/matrix", "reach/snapshot"},
			{"reach/diff", "reach/explain", "reach/shadow", "reach/tell"},
			{"reach/audit", "reach/migrate"},
			{"reach/assert"},
			{"reach/assert/files", "reach/mutate"},
			{"reach/assert/packets"},
			{"reach/assert/asserttest"},
		}},
	}
}

// programs are what nobody else imports, and the enforcer, which its own program alone does.
func programs() []directory {
	return []directory{
		{name: "enforcer", sees: []string{"leaves", "model"}, rows: [][]string{
			{"enforcer/cidr", "enforcer/deploy", "enforcer/hnssim", "enforcer/host", "enforcer/iptsim", "enforcer/match", "enforcer/watch", "enforcer/watch/fakeapi"},
			{"enforcer/plan"},
			{"enforcer/hns", "enforcer/render"},
			{"enforcer/explain", "enforcer/kernel", "enforcer/simnet"},
			{"enforcer/agent", "enforcer/kernel/fake"},
			{"enforcer/agent/bench", "enforcer/proof", "enforcer/proof/parity", "enforcer/scenarios"},
		}},
		{
			name: "internal/cli",
			sees: []string{"leaves", "model", "probe", "engines", "clusters", "testbed", "reports", "incluster", "suites", "scale", "reach"},
			rows: [][]string{{"internal/cli"}},
		},
		{name: "cmd/netassay", sees: []string{"leaves", "model", "testbed", "enforcer", "internal/cli"}, rows: [][]string{{"cmd/netassay"}}},
		{name: "cmd/enforcer", sees: []string{"leaves", "model", "enforcer"}, rows: [][]string{{"cmd/enforcer"}}},
		{name: "cmd/probe", sees: []string{"probe"}, rows: [][]string{{"cmd/probe"}}},
		{name: "hack", sees: []string{"leaves", "clusters"}, rows: [][]string{
			{"hack/docker/runtime", "hack/make"},
		}},
		{name: "tests alone", rows: [][]string{
			{"examples", "examples/assert", "examples/ci", "internal/existingtest", "internal/importlaw", "internal/sizes"},
		}},
	}
}

// A place is where a package stands in an order.
type place struct{ directory, row int }

// breaches are the ways in which g is not in that order, sorted.
func (g graph) breaches(dirs []directory) []string {
	out := misordered(dirs)
	places := map[string]place{}
	for i, d := range dirs {
		for j, row := range d.rows {
			for _, name := range row {
				if _, ok := g[full("./"+name)]; !ok {
					out = append(out, name+" is in the order, and no package any more: take it out")
				}
				if _, ok := places[name]; ok {
					out = append(out, name+" is in the order twice")
				}
				places[name] = place{i, j}
			}
		}
	}
	for path, p := range g {
		if ours(path) {
			out = append(out, arrowsUp(dirs, places, short(path), p.Imports)...)
		}
	}
	slices.Sort(out)
	return out
}

// misordered are the directories that see what does not stand before them.
func misordered(dirs []directory) (out []string) {
	for i, d := range dirs {
		for _, name := range d.sees {
			if !slices.ContainsFunc(dirs[:i], func(o directory) bool { return o.name == name }) {
				out = append(out, fmt.Sprintf("%s sees %s, which does not stand before it", d.name, name))
			}
		}
	}
	return out
}

// arrowsUp are the imports of package name that the order does not allow.
func arrowsUp(dirs []directory, places map[string]place, name string, imports []string) (out []string) {
	from, ok := places[name]
	if !ok {
		return []string{name + " is not in the order: say where it stands"}
	}
	for _, imp := range imports {
		to, ok := places[short(imp)]
		arrow := name + " → " + short(imp)
		switch {
		case !ours(imp) || !ok: // not ours to order, or reported by itself
		case from.directory == to.directory && to.row == from.row:
			out = append(out, arrow+" runs sideways: both stand in one row of "+dirs[from.directory].name)
		case from.directory == to.directory && to.row > from.row:
			out = append(out, arrow+" runs up within "+dirs[from.directory].name)
		case from.directory != to.directory && to.directory > from.directory:
			out = append(out, fmt.Sprintf("%s runs up, from %s to %s", arrow, dirs[from.directory].name, dirs[to.directory].name))
		case from.directory != to.directory && !slices.Contains(dirs[from.directory].sees, dirs[to.directory].name):
			out = append(out, fmt.Sprintf("%s: %s must not see %s", arrow, dirs[from.directory].name, dirs[to.directory].name))
		}
	}
	return out
}

func TestImportOrder(t *testing.T) {
	for _, b := range load(t).breaches(order()) {
		t.Error(b)
	}
}

func TestBreachesOfOrderAreSeen(t *testing.T) {
	dirs := []directory{
		{name: "low", rows: [][]string{{"a", "b"}, {"c"}}},
		{name: "middle", sees: []string{"low"}, rows: [][]string{{"d"}}},
		{name: "beside", sees: []string{"low"}, rows: [][]string{{"e"}}},
	}
	const kept = "a imports net\nb imports\nc imports a b far.org/lib\nd imports a c\ne imports c\nnet imports\nfar.org/lib imports\n"
	for _, tc := range []struct {
		name, graph string
		dirs        []directory
		want        []string
	}{
		{name: "kept", graph: kept, dirs: dirs},
		{name: "up, to another directory", graph: kept + "a imports d", dirs: dirs, want: []string{"a → d runs up, from low to middle"}},
		{name: "up, within one", graph: kept + "a imports c", dirs: dirs, want: []string{"a → c runs up within low"}},
		{name: "sideways, within a row", graph: kept + "a imports b", dirs: dirs, want: []string{"a → b runs sideways: both stand in one row of low"}},
		{name: "sideways, to another directory", graph: kept + "e imports d", dirs: dirs, want: []string{"e → d: beside must not see middle"}},
		{name: "a test's import", graph: kept + "a imports\na tests d", dirs: dirs},
		{name: "unknown", graph: kept + "f imports a", dirs: dirs, want: []string{"f is not in the order: say where it stands"}},
		{name: "gone", graph: kept, dirs: append(slices.Clone(dirs), directory{name: "old", rows: [][]string{{"g"}}}), want: []string{"g is in the order, and no package any more: take it out"}},
		{name: "twice", graph: kept, dirs: append(slices.Clone(dirs), directory{name: "more", sees: []string{"low"}, rows: [][]string{{"e"}}}), want: []string{"e is in the order twice"}},
		{
			name: "sees what comes later", graph: "a imports", dirs: []directory{{name: "x", sees: []string{"x"}, rows: [][]string{{"a"}}}},
			want: []string{"x sees x, which does not stand before it"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, fixture(t, tc.graph).breaches(tc.dirs)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
