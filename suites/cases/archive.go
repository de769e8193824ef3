package cases

import (
	"errors"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/netassay/netassay/internal/strictyaml"
)

// document is one YAML file of a case's archive.
type document = strictyaml.Document

// splitArchive finds the documents of a case file, in order. Text above the first is a
// comment. The error names every name that is used twice.
func splitArchive(archive string, data []byte) ([]*document, error) {
	var docs []*document
	var errs []error
	seen := map[string]bool{}
	ar := txtar.Parse(data)
	above := strings.Count(string(ar.Comment), "\n")
	for _, f := range ar.Files {
		above++ // the line with the name
		d := &document{File: archive, Name: f.Name, Above: above, Data: f.Data}
		above += strings.Count(string(f.Data), "\n")
		if seen[f.Name] {
			errs = append(errs, d.ErrorAt(0, "a second file of this name; give it another one"))
		}
		seen[f.Name] = true
		docs = append(docs, d)
	}
	return docs, errors.Join(errs...)
}
