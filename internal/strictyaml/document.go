package strictyaml

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is one YAML document; it knows where its lines are.
type Document struct {
	File  string // "deny-ingress.txtar": errors begin with it
	Name  string // of the document within the file, "case.yaml"; "" when the file's name says all
	Above int    // lines of the file above the document's first
	Data  []byte
	Root  *yaml.Node // nil before Parse

	// Aliases are allowed: what others wrote may have them.
	Aliases bool
	// Partial documents have fields that the struct which is filled does not have.
	Partial bool
}

// Split finds the documents of a stream, as kubectl takes them: those that are empty are left
// out. They are parsed, and named by their number when there are several.
func Split(file string, data []byte) ([]*Document, error) {
	var docs []*Document
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		d := &Document{File: file, Name: fmt.Sprintf("document %d", n), Aliases: true}
		var root yaml.Node
		err := decoder.Decode(&root)
		switch {
		case errors.Is(err, io.EOF):
			if len(docs) == 1 && n == 2 {
				docs[0].Name = ""
			}
			return docs, nil
		case err != nil:
			return nil, d.syntaxError(err)
		case len(root.Content) == 0 || root.Content[0].Tag == "!!null":
			continue
		}
		d.Root = root.Content[0]
		docs = append(docs, d)
	}
}

// ErrorAt is an error at a line of the document: 1 is its first, 0 the line before it.
func (d *Document) ErrorAt(line int, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if d.Name != "" {
		text = d.Name + ": " + text
	}
	return fmt.Errorf("%s:%d: %s", d.File, d.Above+line, text)
}

// ErrorOn is an error at a node.
func (d *Document) ErrorOn(n *yaml.Node, format string, args ...any) error {
	if n == nil {
		return d.ErrorAt(0, format, args...)
	}
	return d.ErrorAt(n.Line, format, args...)
}

// ErrorText is an error at the first line that holds the text.
func (d *Document) ErrorText(text string, err error) error {
	for i, line := range strings.Split(string(d.Data), "\n") {
		if strings.Contains(line, text) {
			return d.ErrorAt(i+1, "%v", err)
		}
	}
	return d.ErrorAt(0, "%v", err)
}

// Parse reads the document's YAML.
func (d *Document) Parse() error {
	var root yaml.Node
	if err := yaml.Unmarshal(d.Data, &root); err != nil {
		return d.syntaxError(err)
	}
	if len(root.Content) == 0 {
		return d.ErrorAt(0, "is empty; fill it or remove it")
	}
	d.Root = root.Content[0]
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): `)

// syntaxError moves the line of a YAML error to where it is in the file.
func (d *Document) syntaxError(err error) error {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return d.ErrorAt(line, "%s", strings.ReplaceAll(text[len(m[0]):], "\n", ";"))
	}
	return d.ErrorAt(0, "%s", strings.TrimPrefix(text, "yaml: "))
}

// Decode fills into, which points to a struct with JSON tags. Every field that the struct does
// not have is an error, unless the document is Partial.
func (d *Document) Decode(into any) error {
	if d.Root == nil {
		if err := d.Parse(); err != nil {
			return err
		}
	}
	if err := d.check(into); err != nil {
		return err
	}
	text, err := d.JSON()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return d.ErrorOn(d.Root, "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// JSON is the document as JSON.
func (d *Document) JSON() ([]byte, error) {
	var value any
	if err := d.Root.Decode(&value); err != nil {
		return nil, d.syntaxError(err)
	}
	text, err := json.Marshal(jsonKeys(value))
	if err != nil {
		return nil, d.ErrorOn(d.Root, "is no JSON: %v", err)
	}
	return text, nil
}

// jsonKeys makes every key a string: JSON has no others.
func jsonKeys(value any) any {
	switch value := value.(type) {
	case map[any]any:
		out := map[string]any{}
		for k, v := range value {
			out[fmt.Sprint(k)] = jsonKeys(v)
		}
		return out
	case map[string]any:
		for k, v := range value {
			value[k] = jsonKeys(v)
		}
	case []any:
		for i, v := range value {
			value[i] = jsonKeys(v)
		}
	}
	return value
}

// Text is the scalar at a field of the document itself, "" when there is none.
func (d *Document) Text(field string) string {
	if n := Child(d.Root, field); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// At finds a node by keys (string) and indexes (int), or the last on the way to it.
func (d *Document) At(path ...any) *yaml.Node {
	n := d.Root
	for _, step := range path {
		next := Child(n, step)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// Child is what a node has at a key (string) or an index (int), nil when there is nothing.
func Child(n *yaml.Node, step any) *yaml.Node {
	if n == nil {
		return nil
	}
	switch step := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			return meant(n.Content[step])
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return meant(n.Content[i+1])
			}
		}
	}
	return nil
}

// meant is the node that an alias stands for.
func meant(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// Find is the node at keys and indexes, nil when there is none.
func Find(n *yaml.Node, path ...any) *yaml.Node {
	for _, step := range path {
		n = Child(n, step)
	}
	return n
}

// Path spells keys and indexes as people write a field: spec.ingress[0].
func Path(path ...any) string {
	var b strings.Builder
	for i, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, step)
		}
	}
	return b.String()
}
