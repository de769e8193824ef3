package scenarios

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/netassay/netassay/internal/golden"
)

const page = "../../docs/scenarios.md"

// entry is what the comment of a scenario's test says.
type entry struct {
	number                       int
	test, file                   string
	story, source, proved, onLab string
}

// TestCatalog holds the list complete, and docs/scenarios.md equal to what the
// comments of the tests say.
func TestCatalog(t *testing.T) {
	entries := read(t)
	have := map[int]bool{}
	for _, e := range entries {
		have[e.number] = true
		for _, name := range cases(e.onLab) {
			if _, err := os.Stat("../../suites/cases/data/" + name + ".txtar"); err != nil {
				t.Errorf("%s names a case that is not there: %v", e.test, err)
			}
		}
	}
	for n := 1; n <= 46; n++ {
		if !have[n] {
			t.Errorf("scenario %02d has no test", n)
		}
	}
	text := render(entries)
	golden.Check(t, page, text)
}

var (
	testName = regexp.MustCompile(`^TestScenario(\d\d)[A-Z]\w+$`)
	field    = regexp.MustCompile(`(?m)^(Source|Level|Lab): (.+)$`)
	skips    = regexp.MustCompile(`\bt\.Skip`)
)

func read(t *testing.T) []entry {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []entry
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file != "catalog_test.go" && skips.Match(text) {
			t.Errorf("%s skips: say in the comment why a scenario can't run, and test what can be", file)
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !testName.MatchString(fn.Name.Name) {
				continue
			}
			e, err := parse(fn)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			e.file = file
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b entry) int { return a.number - b.number })
	return out
}

func parse(fn *ast.FuncDecl) (entry, error) {
	e := entry{test: fn.Name.Name}
	if _, err := fmt.Sscanf(testName.FindStringSubmatch(e.test)[1], "%d", &e.number); err != nil {
		return e, err
	}
	story, rest, _ := strings.Cut(fn.Doc.Text(), "\n\n")
	fields := map[string]string{}
	for _, m := range field.FindAllStringSubmatch(rest, -1) {
		fields[m[1]] = m[2]
	}
	after, named := strings.CutPrefix(strings.Join(strings.Fields(story), " "), e.test+": ")
	e.story, e.source, e.proved, e.onLab = after, fields["Source"], fields["Level"], fields["Lab"]
	if !named || e.source == "" || e.proved == "" || e.onLab == "" {
		return e, fmt.Errorf("comment of %s: want %q, then paragraphs Source, Level and Lab", e.test, e.test+": what happens")
	}
	return e, nil
}

// trackers are where issues are that the comments name in short.
func trackers() map[string]string {
	return map[string]string{
		"NPM": "Azure/azure-container-networking", "kr": "cloudnativelabs/kube-router", "felix": "projectcalico/felix", "cal": "projectcalico/calico",
		"knp": "kubernetes-sigs/kube-network-policies", "k8s": "kubernetes/kubernetes", "antrea": "antrea-io/antrea", "weave": "weaveworks/weave",
		"kind": "kubernetes-sigs/kind", "cilium": "cilium/cilium", "npa": "kubernetes-sigs/network-policy-api", "aws": "aws/aws-network-policy-agent",
		"k3s": "k3s-io/k3s", "client-go": "kubernetes/client-go",
	}
}

var issue = regexp.MustCompile(`\b([A-Za-z0-9-]+)#(\d+)\b`)

// linked writes issues as links.
func linked(text string) string {
	repositories := trackers()
	return issue.ReplaceAllStringFunc(text, func(short string) string {
		m := issue.FindStringSubmatch(short)
		if repositories[m[1]] == "" {
			return short
		}
		return fmt.Sprintf("[%s](https://github.com/%s/issues/%s)", short, repositories[m[1]], m[2])
	})
}

// cases are the cases of the suite that a text names: "case a-b", "cases a-b, c-d and e-f".
func cases(text string) []string {
	_, list, ok := strings.Cut(strings.Replace(text, "cases ", "case ", 1), "case ")
	if !ok {
		return nil
	}
	list, _, _ = strings.Cut(list, ";")
	list = strings.TrimSuffix(strings.ReplaceAll(list, " and ", ", "), ".")
	var names []string
	for name := range strings.SplitSeq(list, ", ") {
		if strings.Contains(name, "-") && !strings.Contains(name, " ") {
			names = append(names, name)
		}
	}
	return names
}

func render(entries []entry) string {
	var b strings.Builder
	b.WriteString(`# Scenarios

Situations in which enforcers of NetworkPolicy have failed in the field, each with a test by its number in ` + "`enforcer/scenarios`" + `: ` + "`go test ./enforcer/scenarios -run 'Scenario07'`" + `. *Proved at* is the cheapest level that really shows it; *lab* is where it runs with the whole system besides, or why it can't. Those that need real kubelets and containers run on kind besides (` + "`make test-kind`" + `), and their rows say so.

This page is made of the comments of the tests: edit those, then run ` + "`go generate ./enforcer/scenarios`" + `.

| # | Scenario | Source | Proved at | Lab |
|---|---|---|---|---|
`)
	for _, e := range entries {
		cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
		fmt.Fprintf(&b, "| %d | `%s` (%s): %s | %s | %s | %s |\n", e.number, e.test, e.file, cell(e.story), linked(cell(e.source)), cell(e.proved), cell(e.onLab))
	}
	return b.String()
}
