package reports

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

func scaleData(started int64) *v1.ScaleData {
	ms := 40.5
	return &v1.ScaleData{
		Run: v1.ScaleRun{
			Schema: v1.ScaleSchema, ID: "r", Profile: "seed=1", Engines: []v1.Engine{{Name: "reference"}},
			Started: time.Unix(started, 0).UTC(), Finished: time.Unix(started+9, 0).UTC(),
			Turns: []v1.Turn{{Engine: "reference", Started: time.Unix(started, 0).UTC()}},
		},
		Samples:  []v1.Sample{{Engine: "reference", Transition: v1.Revoke, Want: "deny", Stable: &ms}, {Engine: "reference", Transition: v1.Revoke, Change: 1, Want: "deny"}},
		Readings: []v1.Reading{{Engine: "reference", Phase: v1.PhaseLoaded, Name: v1.RSS, Unit: v1.UnitBytes, Value: 1 << 20}},
		Points:   []v1.Point{{Engine: "reference", Nodes: 1, Pods: 2, Name: v1.RSS, Unit: v1.UnitBytes, Value: 7}},
	}
}

func TestScaleFolderRoundTrips(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	d := scaleData(1_800_000_000)
	if err := WriteScale(dir, d, &v1.ScaleSummary{}, noBench); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{BenchFile, PointsFile, ReadingsFile, ReportFile, RunFile, SamplesFile, SummaryFile}, list(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err := ReadScale(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := WriteScale(dir, d, &v1.ScaleSummary{}, noBench); err == nil || !strings.Contains(err.Error(), "has a samples.jsonl already") {
		t.Errorf("written over: %v", err)
	}
}

func TestFolderOfScaleFolders(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"b", "a", "c"} {
		if err := WriteScale(filepath.Join(dir, name), scaleData(1_800_000_000+int64(100*i)), &v1.ScaleSummary{}, noBench); err != nil {
			t.Fatal(err)
		}
	}
	d, err := ReadScale(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Run.Turns) != 3 || d.Run.Turns[2].Repeat != 2 || !d.Run.Turns[0].Started.Before(d.Run.Turns[1].Started) || len(d.Samples) != 6 {
		t.Errorf("%+v", d.Run.Turns)
	}
}

func TestReadScaleRefuses(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"no results", func(t *testing.T, dir string) { remove(t, dir, RunFile) }, "has no run.json, nor a directory that has"},
		{"no samples", func(t *testing.T, dir string) { remove(t, dir, SamplesFile) }, "samples.jsonl: no such file"},
		{"cut off", func(t *testing.T, dir string) { write(t, dir, SamplesFile, "{\"engine\":\"reference\",\"rep") }, "samples.jsonl:1: unexpected EOF: the file was cut off or edited"},
		{"unknown field", func(t *testing.T, dir string) { write(t, dir, ReadingsFile, "{\"engin\":\"x\"}\n") }, `readings.jsonl:1: json: unknown field "engin"`},
		{"another schema", func(t *testing.T, dir string) { write(t, dir, RunFile, "{\"schema\":\"v0\"}") }, `schema is "v0"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "x")
			if err := WriteScale(dir, scaleData(1_800_000_000), &v1.ScaleSummary{}, noBench); err != nil {
				t.Fatal(err)
			}
			tc.spoil(t, dir)
			if _, err := ReadScale(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func noBench(io.Writer) error { return nil }

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
