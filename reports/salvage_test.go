package reports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Directories that earlier versions wrote are read whole.
func TestSalvageEarlierLayouts(t *testing.T) {
	for _, tc := range []struct {
		dir        string
		experiment string
		layout     Layout
		verdict    v1.Verdict
		counts     map[v1.RecordKind]int
		missing    []string
	}{
		{"scale-057bd36", "scale", LayoutLists, v1.VerdictPass, map[v1.RecordKind]int{
			v1.KindScale: 1, v1.KindEngine: 1, v1.KindTurn: 10, v1.KindSample: 90, v1.KindReading: 40, v1.KindPoint: 3, v1.KindNote: 1,
		}, []string{ReportFile}},
		{"conformance-057bd36", "conformance", LayoutLists, v1.VerdictFail, map[v1.RecordKind]int{v1.KindConformance: 1, v1.KindCase: 2, v1.KindCell: 18}, nil},
		{"conformance-3e81ff0", "conformance", LayoutRecords, v1.VerdictFail, map[v1.RecordKind]int{v1.KindConformance: 1, v1.KindCase: 2, v1.KindCell: 18, v1.KindVerdict: 1}, nil},
		{"chaos-057bd36", "chaos", LayoutLists, v1.VerdictFail, map[v1.RecordKind]int{v1.KindFinding: 1, v1.KindFault: 2}, nil},
	} {
		t.Run(tc.dir, func(t *testing.T) {
			s, err := Validate(filepath.Join("testdata", tc.dir))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.missing, s.Missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			if s.Unread > 0 || s.Experiment() != tc.experiment || s.Layout != tc.layout || s.Verdict != tc.verdict {
				t.Errorf("%s, %s, verdict %q, %v", s.Experiment(), s.Layout, s.Verdict, s.Troubles)
			}
			if diff := cmp.Diff(tc.counts, s.Counts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The cells of both layouts of one run are the same.
func TestSalvageLayoutsAgree(t *testing.T) {
	var runs []*v1.Run
	for _, dir := range []string{"conformance-057bd36", "conformance-3e81ff0"} {
		s, err := Salvage(filepath.Join("testdata", dir))
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, s.Run.(*v1.Run))
	}
	if diff := cmp.Diff(runs[0].Cases, runs[1].Cases); diff != "" {
		t.Errorf("(-lists +records):\n%s", diff)
	}
}

// spoilt is a copy of a golden directory with one file changed; nil takes it away.
func spoilt(t *testing.T, golden, name string, change func(string) string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "x")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", golden))); err != nil {
		t.Fatal(err)
	}
	if change == nil {
		remove(t, dir, name)
		return dir
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name, change(string(text)))
	return dir
}

// without takes line n away, with puts another in its place; they count from 1.
func without(n int) func(string) string {
	return func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		return strings.Join(append(lines[:n-1:n-1], lines[n:]...), "")
	}
}

func with(n int, line string) func(string) string {
	return func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		lines[n-1] = line + "\n"
		return strings.Join(lines, "")
	}
}

func half(text string) string { return text[:len(text)/2] }

// What is damaged is told with file, line and cure; what is whole is still there.
func TestSalvageDamage(t *testing.T) {
	for _, tc := range []struct {
		name         string
		golden, file string
		change       func(string) string
		want         string // the first trouble, after the directory
		cells        int
	}{
		{"cut in the middle of a record", "conformance-3e81ff0", RecordsFile, half, "records.jsonl:10: unexpected EOF: the file was cut off or edited, take the whole one", 7},
		{"a cell is garbage", "conformance-3e81ff0", RecordsFile, with(5, "x"), "records.jsonl:5: invalid character 'x' looking for beginning of value: the file was cut off or edited, take the whole one", 17},
		{"a cell is no cell", "conformance-3e81ff0", RecordsFile, with(5, `{"v":1,"kind":"fault","data":{"backend":"nft","phase":"p","what":"w","at_ns":1}}`), "records.jsonl:5: a record of kind fault has no place in a run of kind conformance-run", 17},
		{"a line beyond any length", "conformance-3e81ff0", RecordsFile, with(5, strings.Repeat("x", maxLine+1)), "records.jsonl:5: the line is longer than any that is written: the file was edited, take the whole one", 17},
		{"a newer record", "conformance-3e81ff0", RecordsFile, with(5, `{"v":2,"kind":"cell","data":{}}`), "records.jsonl:5: v is 2, this program reads 1: use the netassay that wrote it", 17},
		{"no conditions", "conformance-3e81ff0", RecordsFile, without(1), "records.jsonl:1: the first record holds no conditions: the beginning was cut off, take the whole file", 18},
		{"the conditions are garbage", "conformance-3e81ff0", RecordsFile, with(1, "x"), "records.jsonl:1: invalid character", 18},
		{"the case is gone", "conformance-3e81ff0", RecordsFile, without(2), `records.jsonl:2: a cell is of case "deny-ingress", which did not come before it`, 0},
		{"cells cut off", "conformance-057bd36", cellsFile, half, "cells.jsonl:9: unexpected EOF: the file was cut off or edited, take the whole one", 8},
		{"no cells", "conformance-057bd36", cellsFile, nil, "cells.jsonl: is missing or can't be opened: take the whole directory", 0},
		{"no cases", "conformance-057bd36", RunFile, half, "run.json:40: unexpected EOF: the file was cut off or edited, take the whole one", 0},
		{"summary cut off", "conformance-057bd36", SummaryFile, half, "summary.json:21: unexpected end of JSON input: the file was cut off or edited, take the whole one", 18},
		{"a verdict that nobody knows", "conformance-3e81ff0", RecordsFile, with(22, `{"v":1,"kind":"verdict","data":{"verdict":"good"}}`), "records.jsonl:22: /verdict: value must be one of 'pass', 'fail', 'void'", 18},
		{"an outcome that nobody knows", "conformance-057bd36", cellsFile, func(text string) string {
			return strings.Replace(text, `"outcome":"Skipped"`, `"outcome":"Good"`, 1)
		}, "cells.jsonl:1: /outcome: value must be one of", 17},
		{"another summary", "conformance-3e81ff0", SummaryFile, func(text string) string { return strings.Replace(text, `"fail"`, `"pass"`, 1) }, `summary.json: its verdict is "pass", that of the records is "fail"`, 18},
		{"a summary without figures", "conformance-3e81ff0", SummaryFile, func(string) string { return `{"schema":"x","verdict":"fail"}` }, "summary.json: the whole: missing property 'figures'", 18},
		{"a run of fields that nobody knows", "conformance-3e81ff0", RunFile, func(text string) string { return strings.Replace(text, `"tool"`, `"toool"`, 1) }, "run.json: the whole: ", 18},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := spoilt(t, tc.golden, tc.file, tc.change)
			s, err := Validate(dir)
			if err != nil {
				t.Fatal(err)
			}
			if s.Whole() || len(s.Troubles) == 0 || !strings.HasPrefix(s.Troubles[0].String(), filepath.Join(dir, tc.want)) {
				t.Fatalf("got %v, want %q first", s.Troubles, tc.want)
			}
			cells := 0
			for range s.Run.(*v1.Run).EachCell {
				cells++
			}
			if cells != tc.cells || len(s.Troubles) > maxTroubles || s.Unread < len(s.Troubles) {
				t.Errorf("%d cells are left, want %d; %d troubles, %d told", cells, tc.cells, s.Unread, len(s.Troubles))
			}
		})
	}
}

func TestSalvageUnfinished(t *testing.T) {
	s, err := Salvage(spoilt(t, "conformance-3e81ff0", RecordsFile, without(22)))
	if err != nil {
		t.Fatal(err)
	}
	if s.Whole() || s.Verdict != "" || s.Unread != 0 || s.Missing != nil {
		t.Errorf("%+v", s)
	}
}

// A verdict is the last record, or none: what comes after it is of a run that goes on.
func TestSalvageRecordsAfterTheVerdict(t *testing.T) {
	dir := spoilt(t, "conformance-3e81ff0", RecordsFile, func(text string) string { return text + `{"v":1,"kind":"note","data":{"text":"x"}}` + "\n" })
	if s, err := Salvage(dir); err != nil || s.Verdict != "" || s.Unread != 0 {
		t.Errorf("error %v, %+v", err, s)
	}
}

func TestSalvageMissing(t *testing.T) {
	s, err := Salvage(spoilt(t, "conformance-3e81ff0", JUnitFile, nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{JUnitFile}, s.Missing); diff != "" || s.Whole() {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSalvageRefuses(t *testing.T) {
	for _, tc := range []struct{ dir, want string }{
		{t.TempDir(), "has neither records.jsonl nor run.json: give a result directory"},
		{filepath.Join(t.TempDir(), "none"), "read results: open"},
	} {
		if _, err := Salvage(tc.dir); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}

// The files that each experiment leaves are those that Salvage looks for, but for the page, which
// netassay report page makes of any directory.
func TestDerivedFilesAreThose(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Directory) error
	}{
		{"conformance", func(d *Directory) error { return d.Conformance(conformanceRun()) }},
		{"check", func(d *Directory) error { return d.Check(&v1.CheckRun{}) }},
		{"chaos", func(d *Directory) error { return d.Chaos(&v1.ChaosRun{}, &v1.ChaosSummary{Verdict: v1.VerdictPass}) }},
		{"migration", func(d *Directory) error {
			run := &v1.MigrationRun{}
			sum := run.Summary(v1.VerdictVoid, nil)
			return d.Migration(run, &sum)
		}},
		{"audit", func(d *Directory) error { return d.Audit(&v1.AuditRun{}) }},
		{"fuzz", func(d *Directory) error { return d.Fuzz(&v1.FuzzRun{}) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := t.TempDir()
			if err := tc.end(open(t, path)); err != nil {
				t.Fatal(err)
			}
			s, err := Validate(path)
			if err != nil || !s.Whole() {
				t.Fatalf("missing %v, %v, error %v", s.Missing, s.Troubles, err)
			}
			if got, want := len(derived(s.Run, s.Layout)), len(list(t, path))-2; got != want {
				t.Errorf("%d files are looked for, %d are left beside records and page", got, want)
			}
		})
	}
}

// Whatever is in the file, there is an answer: lines that are read, or a bounded list of troubles.
func FuzzSalvage(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"kind":"scale-run","data":{}}`, `{"v":1,"kind":"conformance-run","data":{"id":"r"}}` + "\n" + `{"v":1,"kind":"case","data":{"name":"c","steps":[{"name":"s"}]}}` + "\n",
		`{"v":1,"kind":"note","data":{"text":"x"}}` + "\n", `{"v":1,"kind":"verdict","data":{"verdict":"pass"}}` + "\n", "\n\n{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		write(t, dir, RecordsFile, string(text))
		s, err := Validate(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Troubles) > maxTroubles || s.Unread < len(s.Troubles) || s.Verdict == "" && s.Missing != nil {
			t.Errorf("%+v", s)
		}
		for _, trouble := range s.Troubles {
			if strings.Contains(trouble.String(), "\n") {
				t.Errorf("trouble of more than one line: %q", trouble)
			}
		}
	})
}
