package v1

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
)

var update = flag.Bool("update", false, "write docs/records.schema.json")

// schemaFile is the schema for readers in other languages, made from the types.
const schemaFile = "../../docs/records.schema.json"

// schema says what a line of records.jsonl may be: one of the kinds in its envelope.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	known := &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Outcome]():     words(Pass, Fail, Inconclusive, Skipped, NotSupported, Error, Unfinished),
		reflect.TypeFor[FailureKind](): words(Leak, Outage),
		reflect.TypeFor[Verdict]():     words(VerdictPass, VerdictFail, VerdictVoid),
	}}
	all := &jsonschema.Schema{
		Schema: "https://json-schema.org/draft/2020-12/schema", Title: "a line of records.jsonl", Type: "object",
		Required: []string{"v", "kind", "data"},
	}
	for _, r := range blanks() {
		data, err := jsonschema.ForType(reflect.TypeOf(r).Elem(), known)
		if err != nil {
			t.Fatalf("%s: %v", r.recordKind(), err)
		}
		all.OneOf = append(all.OneOf, &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{
			"v": {Const: jsonschema.Ptr[any](RecordVersion)}, "kind": {Const: jsonschema.Ptr[any](r.recordKind())}, "data": data,
		}})
	}
	return all
}

func words[T ~string](all ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range all {
		s.Enum = append(s.Enum, w)
	}
	return s
}

func TestSchemaFile(t *testing.T) {
	text, err := json.MarshalIndent(schema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	had, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(had), string(text)); diff != "" {
		t.Errorf("%s is of other types, write it anew with -update (-file +types):\n%s", schemaFile, diff)
	}
}

// What is written fits the schema, and what is no record does not.
func TestSchemaFitsRecords(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var read jsonschema.Schema
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	resolved, err := read.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	fits := func(line string) error {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		return resolved.Validate(v)
	}
	for _, r := range each() {
		line, err := EncodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := fits(string(line)); err != nil {
			t.Errorf("%s: %v\n%s", r.recordKind(), err, line)
		}
		if fits(strings.Replace(string(line), `"v":1`, `"v":2`, 1)) == nil || fits(strings.Replace(string(line), `"data":{`, `"data":{"none":1,`, 1)) == nil {
			t.Errorf("%s: another version, or a field that nobody knows, fits", r.recordKind())
		}
	}
	for _, line := range []string{
		`{"v":1,"kind":"other","data":{}}`, `{"v":1,"kind":"note"}`, `{"v":1,"kind":"note","data":{"text":1}}`,
		`{"v":1,"kind":"verdict","data":{"verdict":"good"}}`,
	} {
		if fits(line) == nil {
			t.Errorf("%s fits", line)
		}
	}
}
