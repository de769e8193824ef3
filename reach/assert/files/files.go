package files

import (
	"cmp"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/manifests"
)

// apiVersion is that of documents with expectations; it may be left out, as the kind may.
const apiVersion = "netassay.dev/v1"

// document is a document with expectations.
type document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Namespace string `json:"namespace"` // of names without one; "" is that of the command, or default
	Expect    string `json:"expect"`
}

// Input is what was read.
type Input struct {
	Inventory    *inventory.Inventory
	Expectations []assert.Expectation
}

// Read reads files, directories and standard input, in that order. The error has one line for
// each mistake; that there are no expectations at all is one.
func Read(paths []string, o manifests.Options) (*Input, error) {
	var in Input
	o.Expectations = func(d *strictyaml.Document) error {
		read, err := expectations(d, cmp.Or(o.Namespace, "default"))
		in.Expectations = append(in.Expectations, read...)
		return err
	}
	var err error
	if in.Inventory, err = manifests.Read(paths, o); err != nil {
		return nil, err
	}
	if len(in.Expectations) == 0 {
		return nil, fmt.Errorf("%s: nothing is expected there: add a file with a field expect, as docs/assert.md shows", strings.Join(paths, ", "))
	}
	return &in, nil
}

// expectations reads one document.
func expectations(d *strictyaml.Document, namespace string) ([]assert.Expectation, error) {
	var read document
	if err := d.Decode(&read); err != nil {
		return nil, err
	}
	if v := read.APIVersion; v != "" && v != apiVersion {
		return nil, d.ErrorOn(d.At("apiVersion"), "%s has no version %s: write %s", manifests.ExpectationsKind, v, apiVersion)
	}
	at := strictyaml.Child(d.Root, "expect")
	if strings.TrimSpace(read.Expect) == "" {
		return nil, d.ErrorOn(d.Root, `field "expect" is missing or empty: give it lines like shop/web -> shop/db allow 5432`)
	}
	first := d.Above + at.Line
	switch {
	case at.Style == yaml.LiteralStyle:
		first++
	case strings.Contains(strings.TrimSpace(at.Value), "\n") || at.Style == yaml.FoldedStyle:
		return nil, d.ErrorOn(at, "write its lines below %q, or nobody can tell where one ends", "expect: |")
	}
	all, err := assert.ParseLines(d.File, first, cmp.Or(read.Namespace, namespace), read.Expect)
	if err == nil && len(all) == 0 {
		err = d.ErrorOn(at, `field "expect" has comments alone: give it lines like shop/web -> shop/db allow 5432`)
	}
	return all, err
}
