package sizes

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// limits are numbers of lines, braces and signature of a function included.
type limits struct{ function, file int }

func limitsOf(path string) limits {
	if strings.HasSuffix(path, "_test.go") {
		return limits{function: 100, file: 600}
	}
	return limits{function: 60, file: 400}
}

func TestSizes(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	files := 0
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skip(path, d.Name())
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		found, err := tooLong(path, text)
		for _, f := range found {
			t.Error(f)
		}
		files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("looked at %d files: this test has lost its way", files)
	}
}

// skip leaves out what builds and tests make, and hidden directories.
func skip(path, name string) error {
	if path != "." && (strings.HasPrefix(name, ".") || name == "bin" || name == "results") {
		return fs.SkipDir
	}
	return nil
}

// tooLong names what is over its limit in a file.
func tooLong(path string, text []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out []string
	limit := limitsOf(path)
	if n := bytes.Count(text, []byte("\n")); n > limit.file {
		out = append(out, fmt.Sprintf("%s has %d lines, at most %d are allowed: split it by theme", path, n, limit.file))
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first := fset.Position(f.Pos()).Line
		if n := fset.Position(f.End()).Line - first + 1; n > limit.function {
			out = append(out, fmt.Sprintf("%s:%d: %s has %d lines, at most %d are allowed", path, first, f.Name.Name, n, limit.function))
		}
	}
	return out, nil
}

func TestTooLong(t *testing.T) {
	// function has n lines, of which the first is the signature and the last the brace.
	function := func(n int) string { return "func f() {\n" + strings.Repeat("\t_ = 0\n", n-2) + "}\n" }
	for _, tc := range []struct {
		name, path, text string
		want             []string
	}{
		{"function at the limit", "a.go", function(60), nil},
		{"function over it", "a.go", function(61), []string{"a.go:2: f has 61 lines, at most 60 are allowed"}},
		{"test at the limit", "a_test.go", function(100), nil},
		{"test over it", "a_test.go", function(101), []string{"a_test.go:2: f has 101 lines, at most 100 are allowed"}},
		{"comments before a function are not of it", "a.go", strings.Repeat("// f\n", 61) + function(60), nil},
		{"file at the limit", "a.go", strings.Repeat("\n", 399), nil},
		{"file over it", "a.go", strings.Repeat("\n", 400), []string{"a.go has 401 lines, at most 400 are allowed: split it by theme"}},
		{"file of tests over it", "a_test.go", strings.Repeat("\n", 600), []string{"a_test.go has 601 lines, at most 600 are allowed: split it by theme"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tooLong(tc.path, []byte("package p\n"+tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
