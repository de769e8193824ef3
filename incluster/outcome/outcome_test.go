package outcome

import (
	"encoding/xml"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

const head = xml.Header + "<testsuites>\n"

// own is a document with a case that passed, and one with a case that failed.
const (
	green = head + `<testsuite name="s"><testcase name="a"></testcase></testsuite>` + "\n</testsuites>\n"
	red   = head + `<testsuite name="s"><testcase name="a"><failure message="m"/></testcase></testsuite>` + "\n</testsuites>\n"
)

func TestUnfinished(t *testing.T) {
	for _, tc := range []struct {
		name string
		e    Ending
		want string
	}{
		{"passed", Ending{}, ""},
		{"failed", Ending{Code: 1}, ""},
		{"broken", Ending{Code: 2}, "the run itself failed (exit code 2)"},
		{"interrupted", Ending{Code: 130}, "the run itself failed (exit code 130)"},
		{"killed", Ending{Signal: "killed"}, "its process was killed, as the kernel does when memory runs out"},
		{"crashed", Ending{Signal: "segmentation fault"}, "its process was ended by the signal: segmentation fault"},
		{"stopped", Ending{Stopped: "deadline", Code: 130}, "it was stopped: deadline"},
		{"stopped, then killed", Ending{Stopped: "deadline", Signal: "killed"}, "it was stopped: deadline"},
		{"stopped, with a failed case", Ending{Stopped: "deadline", Code: 1}, "it was stopped: deadline"},
		{"stopped when it had passed", Ending{Stopped: "deadline"}, ""},
		{"no process", Ending{Failed: "no program"}, "no program"},
	} {
		if got := tc.e.Unfinished(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A document is green only when all speaks for it.
func TestDocument(t *testing.T) {
	for _, tc := range []struct {
		name   string
		own    string
		r      Report
		reason string
		cases  int
	}{
		{"passed", green, Report{Results: true}, "", 2},
		{"failed", red, Report{Results: true, Ending: Ending{Code: 1}}, "", 2},
		{"killed, and left a document", green, Report{Results: true, Ending: Ending{Signal: "killed"}}, "its process was killed, as the kernel does when memory runs out", 2},
		{"no document", "", Report{Results: true}, "it ended with exit code 0, and its JUnit document is missing", 1},
		{"half a document", green[:len(green)-20], Report{Results: true}, "it ended with exit code 0, and its JUnit document is damaged: XML syntax error on line 3: unexpected EOF", 1},
		{"something else", "<html></html>", Report{Results: true}, "it ended with exit code 0, and its JUnit document is no list of test suites", 1},
		{"results not whole", green, Report{}, "it ended with exit code 0, and its results are not whole", 2},
		{"nothing judged", head + "</testsuites>", Report{Results: true}, "it ended with exit code 0, and judged no case", 1},
		{"code without a failure", green, Report{Results: true, Ending: Ending{Code: 1}}, "it ended with exit code 1, and failed no case", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.r.Figures = []Figure{{"memory", "7 MiB"}}
			document, reason := Document([]byte(tc.own), tc.r)
			if reason != tc.reason {
				t.Errorf("reason %q, want %q", reason, tc.reason)
			}
			got, err := count(document)
			if err != nil {
				t.Fatalf("%v in\n%s", err, document)
			}
			if isRed := got.red > 0; isRed != (tc.reason != "" || strings.Contains(tc.own, "<failure")) || got.cases != tc.cases {
				t.Errorf("%+v, want %d cases:\n%s", got, tc.cases, document)
			}
			for _, want := range []string{"<system-out>memory: 7 MiB", `<property name="memory" value="7 MiB">`} {
				if !strings.Contains(string(document), want) {
					t.Errorf("no %q in\n%s", want, document)
				}
			}
		})
	}
}

// The documents that Sonobuoy's own code is held against, in the module hack/sonobuoy.
func TestSamples(t *testing.T) {
	figures := []Figure{{"memory", "7 MiB"}}
	for name, r := range map[string]Report{
		"passed.xml":     {Results: true, Figures: figures},
		"unfinished.xml": {Ending: Ending{Signal: "killed"}, Log: "[1/2] Pass a", Figures: figures},
	} {
		file := filepath.Join("..", "..", "hack", "sonobuoy", "testdata", name)
		document, _ := Document([]byte(green), r)
		golden.Check(t, file, document)
	}
}

// Whatever an experiment printed, and wherever it was cut, the document is XML.
func FuzzDocument(f *testing.F) {
	f.Add(green, "log \x1b[1m \xff ]]> \x00", "reason <&>")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, own, log, failed string) {
		document, reason := Document([]byte(own), Report{Ending: Ending{Failed: failed}, Log: log})
		got, err := count(document)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if reason == "" || got.red == 0 {
			t.Errorf("without results it is green (%q):\n%s", reason, document)
		}
	})
}

func TestFigures(t *testing.T) {
	conformance := `{"verdict":"pass","figures":{"cases":3,"convergence_p99_ms":12.5,"image_seconds":null},"observed":[]}`
	want := []Figure{{"verdict", "pass"}, {"cases", "3"}, {"convergence_p99_ms", "12.5"}}
	if diff := cmp.Diff(want, Figures([]byte(conformance))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	scale := `{"verdict":"fail","engines":[{"engine":"e","transitions":[{"transition":"policy create","p99":{"ms":7,"lo":6,"hi":8}}],
		"leak_packets":2,"memory":[{"name":"rss","unit":"B","phases":[1048576,2097152,null,null]}]}]}`
	want = []Figure{
		{"verdict", "fail"},
		{"e_policy_create_p50", "- ms"},
		{"e_policy_create_p99", "7.0 [6.0, 8.0] ms"},
		{"e_leak_packets", "2"},
		{"e_lost_packets", "0"},
		{"e_rss_loaded", "2.0 MiB"},
	}
	if diff := cmp.Diff(want, Figures([]byte(scale))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Figures([]byte("{")); got != nil {
		t.Errorf("of half a summary: %v", got)
	}
}

// What Sonobuoy shows as remaining is what remains, and nothing that is red is shown as passed.
func TestProgress(t *testing.T) {
	var p Progress
	for _, r := range []v1.Record{
		&v1.RunConditions{Engine: "e", Order: []string{"a", "b", "c", "d"}},
		&v1.Case{Name: "a", Outcome: v1.Pass}, &v1.Cell{Case: "a"},
		&v1.Case{Name: "b", Outcome: v1.Fail, Reason: "leaks"},
		&v1.Case{Name: "c", Outcome: v1.Inconclusive, Reason: "no answer"},
	} {
		p.Add(r)
	}
	want := Update{Message: "c: Inconclusive", Total: 4, Completed: 1, Failures: []string{"b", "c"}, Errors: []string{"c: no answer"}}
	if diff := cmp.Diff(want, p.Update()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Add(&v1.Cell{}) {
		t.Error("a cell is news")
	}
	p = Progress{}
	p.Add(&v1.CheckStep{Title: "one", OK: true})
	p.Add(&v1.CheckStep{Title: "two"})
	if diff := cmp.Diff(Update{Message: "two", Total: 2, Completed: 1, Failures: []string{"two"}}, p.Update()); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
}

func TestDecide(t *testing.T) {
	p := Patience{Start: time.Hour, Late: time.Minute, Last: 30 * time.Second}
	for _, tc := range []struct {
		name   string
		s      Sight
		leave  bool
		reason string
	}{
		{"results", Sight{Done: true, Begun: true, Free: true}, true, ""},
		{"at work", Sight{Begun: true, Watched: 9 * time.Hour, Late: -1}, false, ""},
		{"killed", Sight{Begun: true, Free: true}, false, "its container was killed, as happens when memory runs out"},
		{"not started yet", Sight{Watched: time.Minute}, false, ""},
		{"not started", Sight{Watched: 2 * time.Hour}, false, "it was not started within 1h0m0s"},
		{"pod deleted at first", Sight{Stopped: 6 * time.Second}, false, "the pod was deleted before it was started"},
		{"pod deleted, it still starts", Sight{Stopped: time.Second}, false, ""},
		{"pod deleted, it writes", Sight{Begun: true, Stopped: 20 * time.Second}, false, ""},
		{"pod deleted, it hangs", Sight{Begun: true, Stopped: 31 * time.Second}, false, "the pod was deleted, and it left no results in time"},
		{"pod deleted, it has its grace", Sight{Begun: true, Stopped: 89 * time.Second, Grace: time.Minute}, false, ""},
		{"pod deleted, its grace is over", Sight{Begun: true, Stopped: 91 * time.Second, Grace: time.Minute}, false, "the pod was deleted, and it left no results in time"},
		{"hangs", Sight{Begun: true, Late: 2 * time.Minute}, false, "it hangs: its deadline was over 1m0s ago"},
	} {
		if leave, reason := p.Decide(tc.s); leave != tc.leave || reason != tc.reason {
			t.Errorf("%s: leave %v, finish %q", tc.name, leave, reason)
		}
	}
}
