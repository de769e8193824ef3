package reports

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	v1 "github.com/netassay/netassay/reports/v1"
)

// scaleRecords are those of a small run, without its verdict.
func scaleRecords(started int64) []v1.Record {
	ms := 40.5
	return []v1.Record{
		&v1.ScaleConditions{Schema: v1.ScaleSchema, ID: "r", Profile: "seed=1", Started: time.Unix(started, 0).UTC(), Finished: time.Unix(started+9, 0).UTC()},
		&v1.Engine{Name: "reference"},
		&v1.Sample{Engine: "reference", Transition: v1.Revoke, Want: "deny", Stable: &ms},
		&v1.Sample{Engine: "reference", Transition: v1.Revoke, Change: 1, Want: "deny"},
		&v1.Reading{Engine: "reference", Phase: v1.PhaseLoaded, Name: v1.RSS, Unit: v1.UnitBytes, Value: 1 << 20},
		&v1.Point{Engine: "reference", Nodes: 1, Pods: 2, Name: v1.RSS, Unit: v1.UnitBytes, Value: 7},
		&v1.Note{Text: "all is well"},
		&v1.Turn{Engine: "reference", Started: time.Unix(started, 0).UTC()},
	}
}

// writeScale writes a whole result directory, and gives what was in memory when it ended.
func writeScale(t *testing.T, path string, records ...v1.Record) *v1.ScaleData {
	t.Helper()
	var d v1.ScaleData
	dir := open(t, path)
	dir.Into(&d)(records...)
	if err := dir.Scale(&d, &v1.ScaleSummary{Verdict: v1.VerdictPass}, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return &d
}

func TestScaleDirectoryRoundTrips(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	void := &v1.Void{Engine: "reference", Transition: v1.Revoke, Reason: "too many are void"}
	want := writeScale(t, dir, append(scaleRecords(1_800_000_000), void)...)
	if want.Samples[1].Void != void.Reason {
		t.Errorf("%+v is not void", want.Samples[1])
	}
	if diff := cmp.Diff([]string{BenchFile, JUnitFile, RecordsFile, PageFile, ReportFile, RunFile, SummaryFile}, list(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err := ReadScale(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	found, err := Salvage(dir)
	if err != nil {
		t.Fatal(err)
	}
	if joined, err := JoinScale(dir, []*Salvaged{found}); err != nil || !cmp.Equal(got, joined) {
		t.Errorf("joined: %v (-read +joined):\n%s", err, cmp.Diff(got, joined))
	}
}

func TestDirectoryOfScaleDirectories(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"b", "a", "c"} {
		writeScale(t, filepath.Join(dir, name), scaleRecords(1_800_000_000+int64(100*i))...)
	}
	d, err := ReadScale(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Run.Turns) != 3 || d.Run.Turns[2].Repeat != 2 || !d.Run.Turns[0].Started.Before(d.Run.Turns[1].Started) || len(d.Samples) != 6 {
		t.Errorf("%+v", d.Run.Turns)
	}
}

// listed is a directory that netassay 057bd36 wrote: a file for each list, and no records.
const listed = "testdata/scale-057bd36"

func TestReadScaleBeforeRecords(t *testing.T) {
	d, err := ReadScale(listed)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Samples) != 90 || len(d.Readings) != 40 || len(d.Points) != 3 || len(d.Run.Turns) != 10 || d.Run.Engines[0].Limits.P99[v1.PolicyCreate] != 500 {
		t.Errorf("%d samples, %d readings, %d points, %+v", len(d.Samples), len(d.Readings), len(d.Points), d.Run)
	}
	if s := d.Samples[0]; s.Transition != v1.Floor || s.Stable == nil || s.Ack != 4 {
		t.Errorf("first sample is %+v", s)
	}
}

func TestReadScaleRefuses(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"no results", func(t *testing.T, dir string) { remove(t, dir, RecordsFile); remove(t, dir, RunFile) }, "has no records.jsonl, nor a directory that has"},
		{"cut off", func(t *testing.T, dir string) { add(t, dir, `{"v":1,"kind":"sam`) }, "records.jsonl:11: unexpected EOF: the file was cut off or edited"},
		{"unknown field", func(t *testing.T, dir string) { add(t, dir, `{"v":1,"kind":"reading","data":{"engin":"x"}}`) }, `records.jsonl:11: data of reading: json: unknown field "engin"`},
		{"newer", func(t *testing.T, dir string) { add(t, dir, `{"v":2,"kind":"reading","data":{}}`) }, "records.jsonl:11: v is 2, this program reads 1: use the netassay that wrote it"},
		{"unknown kind", func(t *testing.T, dir string) { add(t, dir, `{"v":1,"kind":"rumour","data":{}}`) }, `kind is "rumour", which this program does not know`},
		{"another experiment", func(t *testing.T, dir string) { add(t, dir, `{"v":1,"kind":"fault","data":{}}`) }, "records.jsonl:11: a record of kind fault has no place in a run of kind scale-run"},
		{"killed", func(t *testing.T, dir string) { add(t, dir, `{"v":1,"kind":"note","data":{"text":"x"}}`) }, "ends without a verdict: the run was killed"},
		{"turn twice", func(t *testing.T, dir string) {
			add(t, dir, `{"v":1,"kind":"turn","data":{"engine":"reference","repeat":0}}`)
			add(t, dir, `{"v":1,"kind":"verdict","data":{"verdict":"pass"}}`)
		}, `turn 0 of engine "reference" is there twice`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "x")
			writeScale(t, dir, scaleRecords(1_800_000_000)...)
			tc.spoil(t, dir)
			if _, err := ReadScale(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			found, err := Salvage(dir)
			if err != nil {
				return // there is nothing to join
			}
			if _, err := JoinScale(dir, []*Salvaged{found}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("joined: got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestReadScaleBeforeRecordsRefuses(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"no samples", func(t *testing.T, dir string) { remove(t, dir, "samples.jsonl") }, "samples.jsonl: no such file"},
		{"cut off", func(t *testing.T, dir string) { write(t, dir, "samples.jsonl", "{\"engine\":\"reference\",\"rep") }, "samples.jsonl:1: unexpected EOF: the file was cut off or edited"},
		{"unknown field", func(t *testing.T, dir string) { write(t, dir, "readings.jsonl", "{\"engin\":\"x\"}\n") }, `readings.jsonl:1: json: unknown field "engin"`},
		{"another schema", func(t *testing.T, dir string) { write(t, dir, RunFile, "{\"schema\":\"v0\"}") }, `schema is "v0"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "x")
			if err := os.CopyFS(dir, os.DirFS(listed)); err != nil {
				t.Fatal(err)
			}
			tc.spoil(t, dir)
			if _, err := ReadScale(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// add adds a line to the records.
func add(t *testing.T, dir, line string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, RecordsFile))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, RecordsFile, string(text)+line+"\n")
}

// A run that was killed may have left half a line, and half a case before it.
func TestReadUnfinished(t *testing.T) {
	var text strings.Builder
	add := func(records ...v1.Record) int {
		for _, r := range records {
			line, err := v1.EncodeRecord(r)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(line)
		}
		return text.Len()
	}
	run := &v1.Run{RunConditions: v1.RunConditions{Schema: v1.Schema, ID: "r"}, Cases: []v1.Case{conformanceRun().Cases[0], conformanceRun().Cases[0]}}
	run.Cases[1].Name, run.Cases[1].Steps[0].Cells[0].Case = "b", "b"
	conditions := add(&run.RunConditions)
	add(run.Cases[0].Records()...)
	one := add(&v1.Note{Text: "n"})
	add(run.Cases[1].Records()...)
	all := add(&v1.Conclusion{})
	for end := range all + 1 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, RecordsFile), []byte(text.String()[:end]), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := ReadUnfinished(dir)
		if (err != nil) != (end < conditions) {
			t.Fatalf("%d bytes: %v", end, err)
		}
		var want []v1.Case
		switch {
		case end == all:
			want = run.Cases
		case end >= one:
			want = run.Cases[:1]
		}
		if diff := cmp.Diff(want, got.Cases, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%d of %d bytes (-want +got):\n%s", end, all, diff)
		}
	}
}
