package schema

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

// draft is the version of JSON Schema that they are written in.
const draft = "https://json-schema.org/draft/2020-12/schema"

// later are fields that came after the first directories of their layout were written, and that
// readers therefore can't count on. All other fields without omitempty are required.
var later = map[reflect.Type][]string{
	reflect.TypeFor[v1.Summary](): {"observed"},
	reflect.TypeFor[v1.Figures](): {
		"flips", "probes_late_max_ms", "sentinel_must_drop", "sentinel_must_pass", "sentinel_leaked", "sentinel_lost", "floor_loss",
		"denied_probes", "denied_connections", "detectable_leak_connections", "detectable_leak_packets",
	},
}

// documents are the schemas of whole files: the title and the type of each.
var documents = map[Name]struct {
	title string
	of    reflect.Type
}{
	RunConformance:     {"run.json of a conformance run", reflect.TypeFor[v1.Run]()},
	RunScale:           {"run.json of a scale run", reflect.TypeFor[v1.ScaleRun]()},
	SummaryConformance: {"summary.json of a conformance run", reflect.TypeFor[v1.Summary]()},
	SummaryCheck:       {"summary.json of an AKS check", reflect.TypeFor[v1.Conclusion]()},
	SummaryChaos:       {"summary.json of a chaos run", reflect.TypeFor[v1.ChaosSummary]()},
	SummaryScale:       {"summary.json of a scale run", reflect.TypeFor[v1.ScaleSummary]()},
	SummaryMigration:   {"summary.json of a change of engine", reflect.TypeFor[v1.MigrationSummary]()},
	SummaryAudit:       {"summary.json of an audit", reflect.TypeFor[v1.AuditSummary]()},
	SummaryFuzz:        {"summary.json of a run of drawn cases", reflect.TypeFor[v1.FuzzSummary]()},
}

func words[T ~string](all ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, w := range all {
		s.Enum = append(s.Enum, w)
	}
	return s
}

// maker makes schemas of types.
type maker struct {
	comments map[string]string // by "Type" and "Type.Field"
	known    *jsonschema.ForOptions
}

func newMaker(t *testing.T) maker {
	t.Helper()
	return maker{comments: comments(t, filepath.Join("..", "v1")), known: &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[v1.Outcome]():     words(v1.Pass, v1.Fail, v1.Inconclusive, v1.Skipped, v1.NotSupported, v1.Error, v1.Unfinished),
		reflect.TypeFor[v1.FailureKind](): words(v1.Leak, v1.Outage),
		reflect.TypeFor[v1.Verdict]():     words(v1.VerdictPass, v1.VerdictFail, v1.VerdictVoid),
	}}}
}

// of is the schema of a type, with the comments of its source.
func (m maker) of(t *testing.T, typ reflect.Type) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.ForType(typ, m.known)
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	s.Description = m.comments[typ.Name()]
	m.describe(typ, s)
	return s
}

// describe puts the comments of fields into the schema of a type, and takes out what readers
// can't require.
func (m maker) describe(typ reflect.Type, s *jsonschema.Schema) {
	switch typ.Kind() {
	case reflect.Pointer:
		m.describe(typ.Elem(), s)
		return
	case reflect.Slice:
		if s.Items != nil {
			m.describe(typ.Elem(), s.Items)
		}
		return
	case reflect.Struct:
	default:
		return
	}
	s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return slices.Contains(later[typ], name) })
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			embedded := *s // its fields are the outer one's
			m.describe(f.Type, &embedded)
			s.Required = embedded.Required
			continue
		}
		if p := s.Properties[name]; p != nil {
			m.describe(f.Type, p)
			p.Description = m.comments[typ.Name()+"."+f.Name]
		}
	}
}

// comments are those of the types of a package and of their fields, each in one line.
func comments(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				typ := spec.(*ast.TypeSpec)
				out[typ.Name.Name] = line(g.Doc)
				fields(typ, out)
			}
		}
	}
	return out
}

func fields(typ *ast.TypeSpec, out map[string]string) {
	s, ok := typ.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			out[typ.Name.Name+"."+name.Name] = strings.TrimSpace(line(f.Doc) + " " + line(f.Comment))
		}
	}
}

func line(g *ast.CommentGroup) string { return strings.Join(strings.Fields(g.Text()), " ") }

// all are the schemas as the types are now.
func all(t *testing.T) map[Name]*jsonschema.Schema {
	t.Helper()
	m := newMaker(t)
	records := &jsonschema.Schema{
		Schema: draft, ID: base + Records.file(), Title: "a line of records.jsonl", Type: "object",
		Description: "One record in its envelope. kind says which of the definitions data is.",
		Required:    []string{"v", "kind", "data"}, Defs: map[string]*jsonschema.Schema{},
	}
	for _, r := range v1.Blanks() {
		kind := string(v1.KindOf(r))
		records.Defs[kind] = m.of(t, reflect.TypeOf(r).Elem())
		records.OneOf = append(records.OneOf, &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{
			"v": {Const: jsonschema.Ptr[any](v1.RecordVersion)}, "kind": {Const: jsonschema.Ptr[any](kind)}, "data": {Ref: "#/$defs/" + kind},
		}})
	}
	out := map[Name]*jsonschema.Schema{Records: records}
	for name, d := range documents {
		s := m.of(t, d.of)
		s.Schema, s.ID, s.Title = draft, base+name.file(), d.title
		out[name] = s
	}
	return out
}

func TestSchemasAreCurrent(t *testing.T) {
	had, err := filepath.Glob("*.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	made := all(t)
	for name, s := range made {
		text, err := json.MarshalIndent(s, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, '\n')
		golden.Check(t, name.file(), text)
	}
	if !golden.Updating() && len(had) != len(made) {
		t.Errorf("%d files, %d schemas: one is of nothing any more", len(had), len(made))
	}
}

// The comments of the types are the schemas' descriptions.
func TestSchemasDescribe(t *testing.T) {
	s := all(t)[Records].Defs["cell"]
	if got, want := s.Properties["client"].Description, `logical, e.g. "x/a"`; got != want {
		t.Errorf("client is described as %q, want %q", got, want)
	}
	if !strings.HasPrefix(s.Properties["resolution_ms"].Description, "Resolution is the time between") || s.Description != "Cell is one flow in one step of a case." {
		t.Errorf("a cell is described as %q, its resolution as %q", s.Description, s.Properties["resolution_ms"].Description)
	}
}
