package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A plan says what should be, and enforcer/render how that is spelled: no text of this
// package is an option of a tool, a target or a type of set.
func TestNoWordsOfTheTools(t *testing.T) {
	words := regexp.MustCompile(`(^|\s)--?[a-zA-Z]|hash:|\b(RETURN|DROP|ACCEPT|FORWARD|INPUT|RELATED|ESTABLISHED)\b`)
	paths, err := filepath.Glob("*.go")
	if err != nil || len(paths) < 10 {
		t.Fatalf("find this package: %v (%v)", paths, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && words.MatchString(l.Value[1:len(l.Value)-1]) {
				t.Errorf("%s: %s is for enforcer/render to say", path, l.Value)
			}
			return true
		})
	}
}
