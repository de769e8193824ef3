package importlaw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/netassay/netassay"

// pkg is a package as go list describes it.
type pkg struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// graph is who imports whom, by full import path: this module and all that it needs.
type graph map[string]pkg

// load asks go list. The directory of this test is in the module, so ./... of it would be
// too little: the module's path says all.
func load(t *testing.T) graph {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-test", "-e",
		"-json=ImportPath,Standard,Imports,TestImports,XTestImports", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	g, err := decode(bytes.NewReader(out))
	if err != nil {
		t.Fatalf("read go list: %v", err)
	}
	return g
}

func decode(r io.Reader) (graph, error) {
	g := graph{}
	for dec := json.NewDecoder(r); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return g, nil
		}
		if err != nil {
			return nil, err
		}
		// Test variants ("a [a.test]", "a.test") repeat what TestImports says.
		if !strings.Contains(p.ImportPath, " ") && !strings.HasSuffix(p.ImportPath, ".test") {
			g[p.ImportPath] = p
		}
	}
}

// full is the import path of a name in a rule.
func full(name string) string {
	if rest, ok := strings.CutPrefix(name, "./"); ok {
		return module + "/" + rest
	}
	return name
}

// short is what full was made of.
func short(path string) string {
	if rest, ok := strings.CutPrefix(path, module+"/"); ok {
		return rest
	}
	return path
}

func ours(path string) bool { return strings.HasPrefix(path, module+"/") }

// match reports whether path is one of names.
func match(names []string, path string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		name = full(name)
		if tree, ok := strings.CutSuffix(name, "/..."); ok {
			return path == tree || strings.HasPrefix(path, tree+"/")
		}
		return path == name
	})
}

// bound are the packages that r binds, sorted.
func (g graph) bound(r rule) []string {
	var out []string
	for path := range g {
		if ours(path) && match(r.from, path) && !match(r.except, path) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// start are the packages that the rule's reach begins with.
func (g graph) start(r rule, path string) []string {
	p := g[path]
	out := slices.Clone(p.Imports)
	if r.tests {
		out = slices.Concat(out, p.TestImports, p.XTestImports)
		// A package's own external test imports the package itself.
		out = slices.DeleteFunc(out, func(s string) bool { return s == path })
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// violations are the ways in which path breaks r, each as the shortest chain of imports.
func (g graph) violations(r rule, path string) []string {
	var out []string
	if r.only != nil {
		for _, imp := range g.start(r, path) {
			if !g[imp].Standard && !match(r.only, imp) {
				out = append(out, arrows([]string{path, imp}))
			}
		}
	}
	for _, chain := range g.reach(r, path) {
		out = append(out, arrows(chain))
	}
	return out
}

// reach follows imports breadth first and returns a chain to each package that r rules out.
func (g graph) reach(r rule, path string) [][]string {
	var found [][]string
	reported, seen := map[string]bool{}, map[string]bool{path: true}
	queue := [][]string{{path}}
	imports := g.start(r, path)
	for {
		chain := queue[0]
		last := chain[len(chain)-1]
		for _, imp := range imports {
			next := append(slices.Clone(chain), imp)
			switch {
			case match(r.forbid, imp) || ours(last) && match(r.use, imp):
				if !reported[imp] {
					found = append(found, next)
				}
				reported[imp] = true
			case !seen[imp] && !g[imp].Standard:
				seen[imp] = true
				queue = append(queue, next)
			}
		}
		if queue = queue[1:]; len(queue) == 0 {
			return found
		}
		imports = g[queue[0][len(queue[0])-1]].Imports
	}
}

func arrows(chain []string) string {
	names := make([]string, len(chain))
	for i, path := range chain {
		names[i] = short(path)
	}
	return strings.Join(names, " → ")
}

// vacuous are the names of this module in r that no package has.
func (g graph) vacuous(r rule) []string {
	var out []string
	for _, name := range slices.Concat(r.from, r.except, r.forbid, r.use, r.only) {
		if !strings.HasPrefix(name, "./") {
			continue
		}
		found := false
		for path := range g {
			found = found || match([]string{name}, path)
		}
		if !found {
			out = append(out, fmt.Sprintf("no package is named %s any more: mend the rule", strings.TrimPrefix(name, "./")))
		}
	}
	return out
}
