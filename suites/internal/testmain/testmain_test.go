package testmain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestSuiteFlag(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"-test.v", "-test.run=provider", "-update"}, ""},
		{[]string{"-test.run", "labels"}, ""},
		{[]string{"-test.parallel=4"}, ""},
		{[]string{"-test.v", "-provider", "lab"}, "provider"},
		{[]string{"--labels=feature=EndPort"}, "labels"},
		{[]string{"--dry-run"}, "dry-run"},
	} {
		if got := suiteFlag(tc.args); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.args, got, tc.want)
		}
	}
}

// A package that forgets it fails in every run of the suite, with "flag provided but not
// defined".
func TestEveryPackageBelowSuitesStandsAside(t *testing.T) {
	suites := filepath.Join("..", "..")
	tests := map[string][]string{} // by directory
	err := filepath.WalkDir(suites, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if d.Name() == "go.mod" { // another module's tests, which ours never runs
			return fs.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			tests[filepath.Dir(path)] = append(tests[filepath.Dir(path)], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tests) < 10 {
		t.Fatalf("found tests in %d directories only", len(tests))
	}
	for dir, files := range tests {
		if dir == suites { // it is the suite
			continue
		}
		if !standsAside(t, files) {
			t.Errorf("%s: its tests need a TestMain that calls testmain.Main or testmain.StandAside", strings.TrimPrefix(dir, suites+"/"))
		}
	}
}

// standsAside says that one of the files has a TestMain that calls Main or StandAside.
func standsAside(t *testing.T, files []string) bool {
	t.Helper()
	found := false
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "TestMain" {
				found = found || calls(f, file.Name.Name == "testmain")
			}
		}
	}
	return found
}

func calls(f *ast.FuncDecl, ourselves bool) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			found = found || ok && pkg.Name == "testmain" && (n.Sel.Name == "Main" || n.Sel.Name == "StandAside")
		case *ast.Ident:
			found = found || ourselves && n.Name == "Main"
		}
		return true
	})
	return found
}
