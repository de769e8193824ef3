package importlaw

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What people run on their own machines is built for these systems too: a call of Linux's alone is
// convicted here within seconds, where make cross takes minutes.
func TestProgramsAreBuiltElsewhere(t *testing.T) {
	for _, system := range []string{"windows", "darwin"} {
		t.Run(system, func(t *testing.T) {
			checked := checkFor(t, system, "./cmd/netassay", "./cmd/probe")
			if checked == 0 {
				t.Error("no package of ours was checked")
			}
		})
	}
}

// sources is a package as go list gives it.
type sources struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
}

// checkFor checks the types of programs, and of all that they import, and says how many packages
// of this module that were.
func checkFor(t *testing.T, system string, programs ...string) (checked int) {
	t.Helper()
	// Files to embed are not used here: go list looks for them only when they are asked for.
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-json=ImportPath,Dir,GoFiles,EmbedFiles,ImportMap"}, programs...)...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", system, err)
	}
	known := map[string]*types.Package{"unsafe": types.Unsafe}
	files := token.NewFileSet()
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p sources
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return checked
		} else if err != nil {
			t.Fatal(err)
		}
		ours := strings.HasPrefix(p.ImportPath, module+"/")
		if ours {
			checked++
		}
		cfg := types.Config{
			Importer: importer{known, p.ImportMap}, Sizes: types.SizesFor("gc", "amd64"),
			IgnoreFuncBodies: !ours, // others keep their own house
			Error: func(err error) {
				if ours {
					t.Errorf("for %s: %v: put it into a file of Linux's, and beside it what other systems get", system, err)
				}
			},
		}
		known[p.ImportPath], _ = cfg.Check(p.ImportPath, files, p.parse(t, files), nil)
	}
}

func (p *sources) parse(t *testing.T, files *token.FileSet) (all []*ast.File) {
	t.Helper()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// importer finds what was checked before: go list gives a package after all that it imports.
type importer struct {
	known map[string]*types.Package
	names map[string]string
}

func (i importer) Import(path string) (*types.Package, error) {
	if name, ok := i.names[path]; ok {
		path = name
	}
	if p := i.known[path]; p != nil {
		return p, nil
	}
	return nil, errors.New("it was not listed before: " + path)
}
