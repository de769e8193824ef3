package cases

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
	sigsyaml "sigs.k8s.io/yaml"
)

// document is one YAML file of a case's archive; it knows where its lines are.
type document struct {
	archive string // "deny-ingress.txtar"
	name    string // "case.yaml"
	above   int    // lines of the archive above the document's first
	data    []byte
	root    *yaml.Node // nil when the document is empty
}

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
		d := &document{archive: archive, name: f.Name, above: above, data: f.Data}
		above += strings.Count(string(f.Data), "\n")
		if seen[f.Name] {
			errs = append(errs, d.errorAt(0, "a second file of this name; give it another one"))
		}
		seen[f.Name] = true
		docs = append(docs, d)
	}
	return docs, errors.Join(errs...)
}

// errorAt is an error at a line of the document: 1 is its first, 0 the line of its name.
func (d *document) errorAt(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %s", d.archive, d.above+line, d.name, fmt.Sprintf(format, args...))
}

// errorOn is an error at a node.
func (d *document) errorOn(n *yaml.Node, format string, args ...any) error {
	if n == nil {
		return d.errorAt(0, format, args...)
	}
	return d.errorAt(n.Line, format, args...)
}

// errorText is an error at the first line that holds the text.
func (d *document) errorText(text string, err error) error {
	for i, line := range strings.Split(string(d.data), "\n") {
		if strings.Contains(line, text) {
			return d.errorAt(i+1, "%v", err)
		}
	}
	return d.errorAt(0, "%v", err)
}

// parse reads the document's YAML.
func (d *document) parse() error {
	var root yaml.Node
	if err := yaml.Unmarshal(d.data, &root); err != nil {
		return d.syntaxError(err)
	}
	if len(root.Content) == 0 {
		return d.errorAt(0, "is empty; fill it or remove it")
	}
	d.root = root.Content[0]
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): `)

// syntaxError moves the line of a YAML error to where it is in the archive.
func (d *document) syntaxError(err error) error {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return d.errorAt(line, "%s", text[len(m[0]):])
	}
	return d.errorAt(0, "%s", strings.TrimPrefix(text, "yaml: "))
}

// decode fills into, which points to a struct with JSON tags. Every field that the struct
// does not have is an error.
func (d *document) decode(into any) error {
	if err := d.parse(); err != nil {
		return err
	}
	if err := d.check(into); err != nil {
		return err
	}
	if err := sigsyaml.UnmarshalStrict(d.data, into); err != nil {
		return d.errorAt(1, "%s", strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: "))
	}
	return nil
}

// at finds a node by keys (string) and indexes (int). It is nil when there is none.
func (d *document) at(path ...any) *yaml.Node {
	n := d.root
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func child(n *yaml.Node, step any) *yaml.Node {
	if n == nil {
		return nil
	}
	switch step := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			return n.Content[step]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
