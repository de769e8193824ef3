package files_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/netassay/netassay/reach/assert/files"
	"github.com/netassay/netassay/reach/manifests"
)

const pods = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: shop}\n"

func read(text string) (*files.Input, error) {
	return files.Read([]string{"-"}, manifests.Options{Stdin: strings.NewReader(text)})
}

// Expectations stand among manifests, with a kind or without; lines know where they are.
func TestExpectationsAmongManifests(t *testing.T) {
	in, err := read(pods + `---
expect: |
  # a comment
  shop/a -> shop/b allow 80
---
apiVersion: netassay.dev/v1
kind: Expectations
metadata: {name: more}
namespace: shop
expect: b -> a deny 80
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range in.Expectations {
		got = append(got, fmt.Sprintf("%d %s", e.Line, e.Text))
	}
	want := "11 shop/a -> shop/b allow 80\n17 b -> a deny 80"
	if strings.Join(got, "\n") != want || len(in.Inventory.Pods) != 2 || len(in.Inventory.Ignored) != 0 {
		t.Errorf("got\n%s\nwant\n%s\n%d pods, ignored %v", strings.Join(got, "\n"), want, len(in.Inventory.Pods), in.Inventory.Ignored)
	}
}

func TestMistakes(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing is expected", pods, "-: nothing is expected there: add a file with a field expect, as docs/assert.md shows"},
		{"empty", pods + "---\nexpect: ''\n", `standard input:9: document 3: field "expect" is missing or empty: give it lines like shop/web -> shop/db allow 5432`},
		{"comments alone", pods + "---\nexpect: |\n  # later\n", `standard input:9: document 3: field "expect" has comments alone: give it lines like shop/web -> shop/db allow 5432`},
		{"kind without lines", pods + "---\nkind: Expectations\nnamespace: shop\n", `standard input:9: document 3: field "expect" is missing or empty: give it lines like shop/web -> shop/db allow 5432`},
		{"unknown field", pods + "---\nexpect: a -> b allow 80\nnamespase: shop\n", `standard input:10: document 3: unknown field "namespase"; did you mean namespace?`},
		{"version", pods + "---\napiVersion: netassay.dev/v2\nkind: Expectations\nexpect: a -> b allow 80\n", "standard input:9: document 3: Expectations has no version netassay.dev/v2: write netassay.dev/v1"},
		{"folded", pods + "---\nexpect: >\n  a -> b allow 80\n  b -> a allow 80\n", `standard input:9: document 3: write its lines below "expect: |", or nobody can tell where one ends`},
		{"a line", pods + "---\nexpect: |\n  shop/a -> shop/b allow 80\n  shop/a > shop/b\n", `standard input:11: an expectation is "CLIENTS -> SERVERS allow|deny [PORTS] [IPv4|IPv6]"`},
		{"a list", pods + "---\nexpect: [a]\n", "standard input:9: document 3: want a single value, have a list"},
		{"a manifest", "replicas: 3\n", "standard input:1: has no apiVersion and kind, so it is no Kubernetes object: leave the file out, or give what kustomize build or helm template prints"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := read(tc.text); err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(pods + "---\nexpect: |\n  shop/a -> shop/b allow 80\n")
	f.Add("expect: &a [*a]\nkind: Expectations\n")
	f.Fuzz(func(t *testing.T, text string) {
		if in, err := read(text); err == nil && len(in.Expectations) == 0 {
			t.Error("no expectations, and no error")
		}
	})
}
