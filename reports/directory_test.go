package reports

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/netassay/netassay/reports/v1"
)

func run() *v1.Run {
	return &v1.Run{Schema: v1.Schema, Cases: []v1.Case{{Name: "a", Outcome: v1.Pass}}}
}

func TestWriteFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results", "one")
	if err := Claim(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o755); err != nil { // as the lab does
		t.Fatal(err)
	}
	if err := WriteFolder(dir, run()); err != nil {
		t.Fatal(err)
	}
	want := []string{"cells.jsonl", "junit.xml", "logs", "report.txt", "run.json", "summary.json"}
	if got := list(t, dir); !slices.Equal(got, want) {
		t.Errorf("directory holds %v, want %v", got, want)
	}
}

func TestResultsAreNeverOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFolder(dir, run()); err != nil {
		t.Fatal(err)
	}
	before := list(t, dir)
	err := WriteFolder(dir, run())
	if err == nil || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want one line that names the directory", err)
	}
	if err := Claim(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("claimed a directory that holds results: %v", err)
	}
	if got := list(t, dir); !slices.Equal(got, before) {
		t.Errorf("directory holds %v, want %v", got, before)
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
	if err := WriteFolder(path, run()); err == nil {
		t.Error("wrote into a file")
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
