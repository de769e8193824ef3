package strictyaml

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/netassay/netassay/internal/suggest"
)

// check holds the document's nodes against the type that it will be decoded into: unknown
// and repeated fields and values of a wrong kind are errors with their lines, which the
// decoders of YAML and JSON can't give.
func (d *Document) check(into any) error {
	return d.checkNode(d.Root, reflect.TypeOf(into))
}

var jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()

func (d *Document) checkNode(n *yaml.Node, t reflect.Type) error {
	if n.Kind == yaml.AliasNode {
		if !d.Aliases {
			return d.ErrorOn(n, "aliases are not used in case files; write it out")
		}
		n = n.Alias
	}
	if n.Tag == "!!null" {
		return nil
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(jsonUnmarshaler) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.checkStruct(n, t)
	case reflect.Map:
		return d.checkMap(n, t)
	case reflect.Slice:
		return d.checkList(n, t)
	default:
		return d.checkScalar(n, t.Kind())
	}
}

func (d *Document) checkStruct(n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.MappingNode {
		return d.ErrorOn(n, "want fields (%s), have %s", strings.Join(fieldNames(t), ", "), kindName(n))
	}
	fields := fieldTypes(t)
	return d.eachPair(n, func(key, value *yaml.Node) error {
		field, ok := fields[key.Value]
		switch {
		case ok:
			return d.checkNode(value, field)
		case d.Aliases && key.Tag == "!!merge":
			return d.checkNode(value, t)
		case d.Partial:
			return nil
		default:
			return d.ErrorOn(key, "unknown field %q%s", key.Value, Nearest(key.Value, fieldNames(t)))
		}
	})
}

func (d *Document) checkMap(n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.MappingNode {
		return d.ErrorOn(n, "want a map, have %s", kindName(n))
	}
	return d.eachPair(n, func(_, value *yaml.Node) error { return d.checkNode(value, t.Elem()) })
}

func (d *Document) eachPair(n *yaml.Node, check func(key, value *yaml.Node) error) error {
	var errs []error
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if seen[key.Value] {
			errs = append(errs, d.ErrorOn(key, "field %q is given twice; remove one", key.Value))
		}
		seen[key.Value] = true
		errs = append(errs, check(key, n.Content[i+1]))
	}
	return errors.Join(errs...)
}

func (d *Document) checkList(n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.SequenceNode {
		return d.ErrorOn(n, "want a list, have %s", kindName(n))
	}
	var errs []error
	for _, item := range n.Content {
		errs = append(errs, d.checkNode(item, t.Elem()))
	}
	return errors.Join(errs...)
}

func (d *Document) checkScalar(n *yaml.Node, kind reflect.Kind) error {
	switch {
	case n.Kind != yaml.ScalarNode:
		return d.ErrorOn(n, "want a single value, have %s", kindName(n))
	case kind == reflect.String && (n.Tag != "!!str" || bareBoolean(n)):
		return d.ErrorOn(n, "%s is not a string in YAML; put it in quotes", n.Value)
	case kind >= reflect.Int && kind <= reflect.Uint64 && n.Tag != "!!int":
		return d.ErrorOn(n, "want a number, have %q", n.Value)
	}
	return nil
}

// bareBoolean reports whether kubectl, which reads YAML 1.1, would take an unquoted word
// for a boolean: namespace y is one.
func bareBoolean(n *yaml.Node) bool {
	words := []string{"y", "n", "yes", "no", "on", "off"}
	return n.Style == 0 && slices.Contains(words, strings.ToLower(n.Value))
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "fields"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}

// fieldTypes are the JSON fields of a struct, those of embedded structs among them.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			maps.Copy(fields, fieldTypes(f.Type))
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
	return fields
}

func fieldNames(t reflect.Type) []string { return slices.Sorted(maps.Keys(fieldTypes(t))) }

// Nearest is a hint that ends an error: the valid names near to this one, or all of them.
func Nearest(name string, valid []string) string {
	if near := suggest.Nearest(name, valid); len(near) > 0 {
		return "; did you mean " + strings.Join(near, ", ") + "?"
	}
	if len(valid) == 0 {
		return ""
	}
	return "; valid are " + strings.Join(valid, ", ")
}
