package reports

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/netassay/netassay/reports/v1"
)

func conformanceRun() *v1.Run {
	return &v1.Run{RunConditions: v1.RunConditions{Schema: v1.Schema}, Cases: []v1.Case{{
		Name: "a", Outcome: v1.Pass, Steps: []v1.Step{{Name: "one", Outcome: v1.Pass, Cells: []v1.Cell{{Case: "a", Step: "one", Outcome: v1.Pass}}}},
	}}}
}

func open(t *testing.T, path string) *Directory {
	t.Helper()
	dir, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results", "one")
	if err := Claim(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(path, "logs"), 0o755); err != nil { // as the lab does
		t.Fatal(err)
	}
	dir, run := open(t, path), conformanceRun()
	dir.Append(&run.RunConditions)
	dir.Append(run.Cases[0].Records()...)
	var killed v1.Run
	if whole, err := Read(path, &killed); err != nil || whole || len(killed.Cases) != 1 || len(killed.Cases[0].Steps[0].Cells) != 1 {
		t.Errorf("while the run goes on: whole %v, error %v, %+v", whole, err, killed)
	}
	if err := dir.Conformance(run); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{JUnitFile, "logs", RecordsFile, PageFile, ReportFile, RunFile, SummaryFile}, list(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var again v1.Run
	if whole, err := Read(path, &again); err != nil || !whole {
		t.Errorf("at the end: whole %v, error %v", whole, err)
	}
	if diff := cmp.Diff(run, &again); diff != "" {
		t.Errorf("the run (-written +read):\n%s", diff)
	}
}

func TestCheckAndChaosDirectories(t *testing.T) {
	check := &v1.CheckRun{CheckConditions: v1.CheckConditions{Schema: v1.Schema, Engine: "none"}, Steps: []v1.CheckStep{{Title: "connects", Command: "c", OK: true}, {Title: "is denied", Command: "c"}}}
	chaos := &v1.ChaosRun{
		ChaosConditions: v1.ChaosConditions{Schema: v1.Schema, Seed: 7}, Backends: []v1.Backend{{Backend: "nft", Tally: v1.Tally{UDP: v1.Counts{MustDrop: 9, Leaked: 1}}, Repairs: []float64{1500}}},
		Phases: []v1.Phase{{Backend: "nft", Phase: "kill -9"}}, Faults: []v1.Fault{{What: "killed"}}, Findings: []v1.Finding{{Backend: "nft", What: "leaked", Count: 1}},
	}
	for _, tc := range []struct {
		name    string
		records []v1.Record
		into    v1.Experiment
		want    v1.Experiment
		end     func(d *Directory) error
		report  string
		junit   string
	}{
		{
			"check",
			[]v1.Record{&check.CheckConditions, &check.Steps[0], &check.Steps[1]},
			&v1.CheckRun{}, check,
			func(d *Directory) error { return d.Check(check) }, "FAIL: engine none does not pass", `name="is denied: c"`,
		},
		{
			"chaos",
			[]v1.Record{&chaos.ChaosConditions, &chaos.Phases[0], &chaos.Faults[0], &chaos.Findings[0], &chaos.Backends[0]},
			&v1.ChaosRun{}, chaos,
			func(d *Directory) error { return d.Chaos(chaos, &v1.ChaosSummary{Verdict: v1.VerdictFail, Seed: 7}) }, "verdict: fail (seed 7)", `failures="1"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := t.TempDir()
			dir := open(t, path)
			dir.Into(tc.into)(tc.records...)
			if err := tc.end(dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tc.into); diff != "" {
				t.Errorf("as it went on (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{JUnitFile, RecordsFile, PageFile, ReportFile, SummaryFile}, list(t, path)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for file, want := range map[string]string{ReportFile: tc.report, JUnitFile: tc.junit, SummaryFile: `"verdict": "fail"`} {
				if text, err := os.ReadFile(filepath.Join(path, file)); err != nil || !strings.Contains(string(text), want) {
					t.Errorf("%s has no %q (%v):\n%s", file, want, err, text)
				}
			}
		})
	}
}

// What is counted while a run goes on is what a reader of its directory will find.
func TestWatchSeesWhatIsWritten(t *testing.T) {
	var seen []v1.Record
	dir, err := Open(t.TempDir(), func(r v1.Record) { seen = append(seen, r) })
	if err != nil {
		t.Fatal(err)
	}
	one, two := &v1.Note{Text: "one"}, &v1.Note{Text: "two"}
	dir.Append(one, two)
	if err := dir.stream.Close(); err != nil {
		t.Fatal(err)
	}
	dir.Append(&v1.Note{Text: "lost"})
	if diff := cmp.Diff([]v1.Record{one, two}, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What went wrong in the stream is told at the end, and no file pretends that all is well.
func TestStreamErrorsAreTold(t *testing.T) {
	path := t.TempDir()
	dir := open(t, path)
	var run v1.Run
	dir.Into(&run)(&v1.Sample{})
	if err := dir.Conformance(&run); err == nil || !strings.Contains(err.Error(), "kind sample has no place in a run of kind conformance-run") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{RecordsFile, PageFile}, list(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dir.Append(&v1.Note{})
	if err := dir.Conformance(&run); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ended twice: %v", err)
	}
}

func TestResultsAreNeverOverwritten(t *testing.T) {
	path := t.TempDir()
	if err := open(t, path).Conformance(conformanceRun()); err != nil {
		t.Fatal(err)
	}
	before := list(t, path)
	if _, err := Open(path, nil); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line that names the directory", err)
	}
	if err := Claim(path); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("claimed a directory that holds results: %v", err)
	}
	if got := list(t, path); !slices.Equal(got, before) {
		t.Errorf("directory holds %v, want %v", got, before)
	}
	killed := t.TempDir()
	open(t, killed)
	if _, err := Open(killed, nil); err == nil || !strings.Contains(err.Error(), "has a records.jsonl already") {
		t.Errorf("opened beside another run: %v", err)
	}
}

func TestClaimOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Claim(path); err == nil {
		t.Error("claimed a file")
	}
	if _, err := Open(path, nil); err == nil {
		t.Error("opened a file")
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
