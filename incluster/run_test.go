package incluster

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/incluster/outcome"
	"github.com/netassay/netassay/reports"
)

// Each way out of an experiment leaves results; done comes last; and what did not come to its
// end by itself is never green.
func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name, how string
		change    func(*Options)
		stop      bool   // by SIGTERM, when the experiment is at work
		green     bool   // no case is red
		red       string // of the document, why not
		has       string // another part of the document
	}{
		{name: "success", how: "pass", green: true, has: `<testcase classname="netassay.e" name="two"`},
		{name: "failure", how: "fail", red: `<failure message="leaks"`, has: outcome.CaseName},
		{name: "panic", how: "panic", red: "exit code 2", has: "out of luck"},
		{name: "it could not be done", how: "broken", red: "exit code 2"},
		{name: "killed", how: "killed", red: "its process was killed", has: `name="two" time="0.000">`},
		{name: "no results", how: "lie", red: "exit code 0, and its results are not whole"},
		{name: "half results", how: "half", red: "JUnit document is damaged"},
		{name: "stopped", how: "polite", stop: true, red: "it was stopped: terminated signal received"},
		{name: "stopped, and passed before", how: "late pass", stop: true, green: true},
		{name: "stopped, and does not listen", how: "rude", stop: true, change: func(o *Options) { o.Grace = 50 * time.Millisecond }, red: "it was stopped: terminated signal received"},
		{name: "deadline", how: "polite", change: func(o *Options) { o.Deadline = 300 * time.Millisecond }, red: "its deadline of 300ms was over"},
		{name: "no program", how: "x", change: func(o *Options) { o.Argv = []string{"/nowhere"} }, red: "it could not be started"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			events := watchDirectory(t, dir)
			o := options(tc.how, dir)
			if tc.change != nil {
				tc.change(&o)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if tc.stop {
				go func() {
					if await(t, filepath.Join(OutPath(dir), ready)) {
						cancel(errors.New("terminated signal received"))
					}
				}()
			}
			bounded(t, func() error { return Run(ctx, o) })
			events.lastIsDone(t)
			document := string(results(t, dir)[reports.JUnitFile])
			checkColour(t, document, tc.green)
			for _, want := range []string{tc.red, tc.has} {
				if !strings.Contains(document, want) {
					t.Errorf("no %q in\n%s", want, document)
				}
			}
		})
	}
}

// checkColour looks at a document as Sonobuoy does.
func checkColour(t *testing.T, document string, green bool) {
	t.Helper()
	red := strings.Contains(document, "<failure") || strings.Contains(document, "<error")
	if red == green || !strings.Contains(document, "<testcase") || !strings.HasSuffix(document, "</testsuites>\n") {
		t.Errorf("green: %v, want %v:\n%s", !red, green, document)
	}
}

// The archive has the whole result directory, and the log.
func TestArchive(t *testing.T) {
	dir := t.TempDir()
	bounded(t, func() error { return Run(t.Context(), options("fail", dir)) })
	files := results(t, dir)
	for name, want := range map[string]string{
		reports.RecordsFile: `"kind":"case"`, reports.SummaryFile: `"verdict": "fail"`, reports.ReportFile: "leaks",
		reports.JUnitFile: `<property name="convergence_n" value="0"></property>`, LogFile: "an experiment of the kind fail",
	} {
		if !bytes.Contains(files[name], []byte(want)) {
			t.Errorf("no %q in %s:\n%s", want, name, files[name])
		}
	}
}

// A second Run finds the results, and leaves them.
func TestRunTwice(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		bounded(t, func() error { return Run(t.Context(), options("pass", dir)) })
		checkColour(t, string(results(t, dir)[reports.JUnitFile]), true)
	}
}

// Without room for an archive the document comes alone; without a directory there is an error.
func TestNoRoom(t *testing.T) {
	t.Run("for the archive", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, Archive), 0o755); err != nil { // nothing can be renamed to it
			t.Fatal(err)
		}
		if err := Run(t.Context(), options("pass", dir)); err == nil || !strings.Contains(err.Error(), Archive) {
			t.Errorf("error %v", err)
		}
		name, err := os.ReadFile(filepath.Join(dir, DoneFile))
		if err != nil || string(name) != filepath.Join(dir, Alone) {
			t.Fatalf("done says %q: %v", name, err)
		}
		document, err := os.ReadFile(string(name))
		if err != nil {
			t.Fatal(err)
		}
		checkColour(t, string(document), true)
	})
	t.Run("for anything", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		o := options("pass", file)
		if err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "results directory") {
			t.Errorf("run: %v", err)
		}
		if err := Watch(t.Context(), file, time.Minute, o.Log); err == nil {
			t.Error("watch: no error")
		}
	})
}

// bounded fails a test in which something hangs.
func bounded(t *testing.T, do func() error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it hangs")
	}
}

// await waits for a file.
func await(t *testing.T, path string) bool {
	t.Helper()
	late, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !exists(path) {
		select {
		case <-tick.C:
		case <-late:
			t.Errorf("no %s", path)
			return false
		}
	}
	return true
}

// results are the files of the archive that done names.
func results(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	name, err := os.ReadFile(filepath.Join(dir, DoneFile))
	if err != nil || string(name) != filepath.Join(dir, Archive) {
		t.Fatalf("done says %q: %v", name, err)
	}
	f, err := os.Open(string(name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name] != nil {
			t.Errorf("%s is there twice", h.Name)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}
