package schema

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	v1 "github.com/netassay/netassay/reports/v1"
)

//go:embed *.schema.json
var files embed.FS

// Name is a schema: the name of its file without ".schema.json".
type Name string

// The schemas. Records is of one line of records.jsonl, the others are of whole files.
const (
	Records            Name = "records"
	RunConformance     Name = "run-conformance"
	RunScale           Name = "run-scale"
	SummaryConformance Name = "summary-conformance"
	SummaryCheck       Name = "summary-aks-check"
	SummaryChaos       Name = "summary-chaos"
	SummaryScale       Name = "summary-scale"
	SummaryFuzz        Name = "summary-fuzz"
	SummaryMigration   Name = "summary-migration"
	SummaryAudit       Name = "summary-audit"
)

func (n Name) file() string { return string(n) + ".schema.json" }

// Source is the text of a schema.
func Source(n Name) ([]byte, error) {
	text, err := files.ReadFile(n.file())
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return text, nil
}

// Of are the schemas of summary.json and of run.json that a run leaves; "" when it leaves no such
// file.
func Of(run v1.Experiment) (summary, conditions Name) {
	switch run.(type) {
	case *v1.Run:
		return SummaryConformance, RunConformance
	case *v1.CheckRun:
		return SummaryCheck, ""
	case *v1.ChaosRun:
		return SummaryChaos, ""
	case *v1.ScaleData:
		return SummaryScale, RunScale
	case *v1.FuzzRun:
		return SummaryFuzz, ""
	case *v1.MigrationRun:
		return SummaryMigration, ""
	case *v1.AuditRun:
		return SummaryAudit, ""
	}
	return "", ""
}

// Record checks the data of a record, as JSON. The error is one line with the place in the data.
func Record(kind v1.RecordKind, data []byte) error {
	return check(Records.file()+"#/$defs/"+string(kind), data)
}

// Line checks a line of records.jsonl, as Record does.
func Line(line []byte) error {
	var envelope struct {
		Kind v1.RecordKind   `json:"kind"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(line, &envelope); err != nil {
		return err
	}
	return Record(envelope.Kind, envelope.Data)
}

// Document checks a whole file. The error is one line with the place in the file.
func Document(n Name, text []byte) error { return check(n.file(), text) }

// compiled are the schemas that were asked for, by location.
var compiled = struct {
	sync.Mutex
	compiler *jsonschema.Compiler
	by       map[string]*jsonschema.Schema
}{by: map[string]*jsonschema.Schema{}}

func compile(location string) (*jsonschema.Schema, error) {
	compiled.Lock()
	defer compiled.Unlock()
	if s := compiled.by[location]; s != nil {
		return s, nil
	}
	if compiled.compiler == nil {
		compiled.compiler = jsonschema.NewCompiler()
		compiled.compiler.UseLoader(embedded{})
	}
	s, err := compiled.compiler.Compile(base + location)
	if err != nil {
		return nil, fmt.Errorf("compile schema %s: %w", location, err)
	}
	compiled.by[location] = s
	return s, nil
}

// base is where the schemas say that they are. Nothing is fetched from there.
const base = "https://netassay.dev/schemas/v1/"

// embedded loads the files of this package, and nothing else.
type embedded struct{}

// Load reads a schema that another names.
func (embedded) Load(url string) (any, error) {
	text, err := files.ReadFile(strings.TrimPrefix(url, base))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

func check(location string, text []byte) error {
	s, err := compile(location)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	err = s.Validate(value)
	var misfit *jsonschema.ValidationError
	if !errors.As(err, &misfit) {
		return err
	}
	for len(misfit.Causes) > 0 {
		misfit = misfit.Causes[0]
	}
	what := misfit.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	return fmt.Errorf("%s: %s: the file was edited, or made by a netassay that this one does not know", pointer(misfit.InstanceLocation), strings.ReplaceAll(what, "\n", " "))
}

// pointer is the place of a value in a JSON text.
func pointer(path []string) string {
	if len(path) == 0 {
		return "the whole"
	}
	return "/" + strings.Join(path, "/")
}
