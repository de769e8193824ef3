package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

func allNames(t *testing.T) []string {
	t.Helper()
	return namesOf(loadAll(t))
}

func loadAll(t *testing.T) []cases.Case {
	t.Helper()
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func namesOf(list []cases.Case) []string {
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names
}

// listed are the features in the output of go test -v with this mark, sorted.
func listed(p *performance, mark string) []string {
	var names []string
	for line := range strings.Lines(p.text.String()) {
		if rest, ok := strings.CutPrefix(line, "    --- "+mark+": TestStage/"); ok {
			name, _, _ := strings.Cut(rest, " ")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestDryRunListsAllAndStartsNothing(t *testing.T) {
	for _, args := range [][]string{{"--dry-run"}, {"--dry-run", "-provider", "fake"}, {"--dry-run", "-provider", "lab", "--parallel"}} {
		p := perform(t, "pass", args...)
		if code := p.end(t); code != 0 {
			t.Fatalf("%v: exit code %d:\n%s", args, code, p.text)
		}
		if diff := cmp.Diff(allNames(t), listed(p, "PASS")); diff != "" {
			t.Errorf("%v (-cases +listed):\n%s", args, diff)
		}
		if lines := p.told(""); len(lines) > 0 {
			t.Errorf("%v: a dry run did %v", args, lines)
		}
		if _, err := os.Stat(p.out); err == nil {
			t.Errorf("%v: a dry run made a result directory", args)
		}
	}
}

func TestWithoutProviderNothingIsPlayed(t *testing.T) {
	p := perform(t, "pass")
	if code := p.end(t); code != 0 || len(p.told("")) > 0 || !strings.Contains(p.text.String(), "--- SKIP: TestStage") {
		t.Errorf("exit code %d:\n%s", code, p.text)
	}
}

func TestCasesThatPass(t *testing.T) {
	for _, args := range [][]string{nil, {"--parallel"}} {
		p := perform(t, "pass", append(args, "-provider", "fake", "--labels", "feature=EndPort")...)
		if code := p.end(t); code != 0 {
			t.Fatalf("exit code %d:\n%s", code, p.text)
		}
		run := p.clean(t)
		played := p.told("play ")
		slices.Sort(played)
		if len(played) < 3 || !slices.Equal(played, listed(p, "PASS")) || run.Count(v1.Pass) != len(played) {
			t.Errorf("played %v, listed %v, %d in the results", played, listed(p, "PASS"), run.Count(v1.Pass))
		}
		for _, file := range []string{reports.JUnitFile, reports.RecordsFile, reports.SummaryFile, reports.ReportFile} {
			if fi, err := os.Stat(filepath.Join(p.out, file)); err != nil || fi.Size() == 0 {
				t.Errorf("result %s: %v", file, err)
			}
		}
	}
}

// fourCases chooses as many, of which ipblock-ports is the first by name.
const fourCases = "^(ipblock-ports|port-range|port-range-egress|port-range-just-outside)$"

// A step that ends its test at once, or panics, leaves no cluster behind, and the other
// cases are still played.
func TestStepsThatEndTheirTestAreCleanedUpAfter(t *testing.T) {
	for _, part := range []string{"failnow port-range", "panic port-range"} {
		for _, parallel := range []string{"--parallel=false", "--parallel"} {
			t.Run(part+parallel, func(t *testing.T) {
				p := perform(t, part, "-provider", "fake", parallel, "--feature", fourCases)
				if code := p.end(t); code == 0 {
					t.Errorf("passed:\n%s", p.text)
				}
				run := p.clean(t)
				if want := len(p.told("play ")) - 1; want != 3 || run.Count(v1.Pass) != want {
					t.Errorf("%d others passed, want %d of 3:\n%s", run.Count(v1.Pass), want, p.text)
				}
			})
		}
	}
}

func TestRunEndsBeforeTheTimeoutOfGoTest(t *testing.T) {
	p := perform(t, "hang", "-provider", "fake", "-test.timeout=20s")
	code := p.end(t)
	run := p.clean(t)
	text := p.text.String()
	if code != 2 || strings.Contains(text, "panic:") || !strings.Contains(text, "-timeout of go test") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
	if n := run.Count(v1.Unfinished); n != len(allNames(t)) || len(p.told("play ")) != 1 {
		t.Errorf("%d cases unfinished, %v begun", n, p.told("play "))
	}
}

func TestInterruptKeepsResults(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, parallel := range []string{"--parallel=false", "--parallel"} {
			t.Run(sig.String()+parallel, func(t *testing.T) {
				p := perform(t, "hang", "-provider", "fake", parallel)
				p.await(t, "stage: play")
				if err := p.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if code := p.end(t); code != exitInterrupted {
					t.Errorf("exit code %d:\n%s", code, p.text)
				}
				if n := p.clean(t).Count(v1.Unfinished); n != len(allNames(t)) {
					t.Errorf("%d cases unfinished:\n%s", n, p.text)
				}
			})
		}
	}
}

func TestCasesThatDoNotPass(t *testing.T) {
	const victim = "port-range"
	for _, tc := range []struct {
		name, part string
		args       []string
		code       int
		want       map[v1.Outcome]int
		say        string
	}{
		{name: "fail", part: "fail " + victim, code: 1, want: map[v1.Outcome]int{v1.Pass: 3, v1.Fail: 1}, say: "x/a -> y/b 80/TCP"},
		{name: "inconclusive", part: "void " + victim, code: 2, want: map[v1.Outcome]int{v1.Pass: 3, v1.Inconclusive: 1}, say: "no observation"},
		{
			name: "in a step that is not asked for", part: "fail " + victim, args: []string{"--assess", "^nothing$"},
			code: 1, want: map[v1.Outcome]int{v1.Pass: 3, v1.Fail: 1}, say: "the last step failed",
		},
		{
			name: "first, with fail-fast", part: "fail ipblock-ports", args: []string{"--fail-fast"},
			code: 1, want: map[v1.Outcome]int{v1.Fail: 1, v1.Skipped: 3}, say: "x/a -> y/b 80/TCP",
		},
		{
			name: "but go test leaves it out", part: "fail " + victim, args: []string{"-test.run=^TestStage$/^port-range-egress$"},
			code: 0, want: map[v1.Outcome]int{v1.Pass: 1}, say: "pass: 1 cases",
		},
		{
			name: "and another pattern leaves it out", part: "fail " + victim, args: []string{"--skip-features", "^port-range$"},
			code: 0, want: map[v1.Outcome]int{v1.Pass: 3}, say: "pass: 3 cases",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := perform(t, tc.part, append([]string{"-provider", "fake", "--feature", fourCases}, tc.args...)...)
			if code := p.end(t); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			got := map[v1.Outcome]int{}
			for _, c := range p.clean(t).Cases {
				got[c.Outcome]++
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if !strings.Contains(p.text.String(), tc.say) {
				t.Errorf("no %q", tc.say)
			}
			if t.Failed() {
				t.Log(p.text)
			}
		})
	}
}

func TestEachRunHasItsFolder(t *testing.T) {
	p := perform(t, "pass", "-provider", "fake", "-test.count=2", "--feature", "^port-range$")
	if code := p.end(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, p.text)
	}
	for _, dir := range []string{p.out, p.out + "-2"} {
		if run := readRun(t, dir); run.Count(v1.Pass) != 1 {
			t.Errorf("%s: %d passed", dir, run.Count(v1.Pass))
		}
	}
}

func TestWrongFlagsAreOneLine(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--labels", "feature=Endport"}, `unknown feature "Endport": did you mean EndPort?`},
		{[]string{"--skip-labels", "famly=ipv4"}, `unknown label "famly": did you mean family?`},
		{[]string{"--feature", "EndPort"}, `for a feature of the API, --labels feature=EndPort`},
		{[]string{"--feature", "("}, "error parsing regexp"},
		{[]string{"--parallel", "--fail-fast"}, "mutually exclusive"},
		{[]string{"-provider", "lap"}, `unknown -provider value "lap": did you mean lab?`},
		{[]string{"-provider", "lab", "-engine", "refrence"}, "did you mean reference?"},
		{[]string{"-provider", "lab", "-ip-family", "v4"}, `unknown -ip-family value "v4"`},
		{[]string{"-fixture-sets", "0"}, "-fixture-sets 0"},
		{[]string{"-provider", "lab", "-topology", "ipv4"}, "-topology is for -provider kind, not lab"},
		{[]string{"-provider", "lab", "-kubeconfig", "k"}, "-kubeconfig is for -provider existing, not lab"},
		{[]string{"-provider", "fake", "-nodes", "2"}, "-nodes is for -provider lab, not fake"},
		{[]string{"-provider", "existing", "-tolerate", "=v"}, `-tolerate "=v" is no taint`},
	} {
		p := perform(t, "pass", tc.args...)
		code := p.end(t)
		if code != exitBroken || !strings.Contains(p.text.String(), tc.want) || len(p.told("")) > 0 {
			t.Errorf("%v: exit code %d, want %q in:\n%s", tc.args, code, tc.want, p.text)
		}
	}
}
