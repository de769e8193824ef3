package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/internal/testmain"
	"github.com/netassay/netassay/suites/runner"
	"github.com/netassay/netassay/testbed"
)

// partVar makes the test binary a suite: what it says is how the stage behaves.
const partVar = "NETASSAY_E2E_TEST_PART"

// stage is the suite that tests run in a process of its own, as go test would. Its cases
// take no time and its cluster is not there; "lab" is the real thing.
var stage = Suite{Providers: map[string]testbed.Provider{"fake": fakeProvider{}}}

func TestMain(m *testing.M) {
	sandbox.InitIfAsked() // for the preflight of the tests themselves
	switch part := os.Getenv(partVar); part {
	case "":
		testmain.Main(m)
	case "lab":
		stage.Main(m)
	default:
		stage.open = openFake(part)
		stage.Main(m)
	}
}

// TestStage is the test of the package whose suite it is.
func TestStage(t *testing.T) {
	if os.Getenv(partVar) == "" {
		t.Skip("plays its part only when another test asks for it")
	}
	stage.Test(t)
}

// tell writes a line that the test on the other side waits for.
func tell(format string, args ...any) { fmt.Printf("stage: "+format+"\n", args...) }

type fakeProvider struct{}

func (fakeProvider) Up(context.Context, testbed.Log) (*testbed.Testbed, error) {
	tell("up")
	return &testbed.Testbed{Engine: "fake", Takedown: func(ctx context.Context, _ bool) error {
		tell("down")
		return ctx.Err() // taking down must not be part of what was interrupted
	}}, nil
}

// fakeSession plays cases without a cluster. It does what the runner's does with those
// that are never asked for.
type fakeSession struct {
	part, victim string
	cases        []cases.Case

	mu      sync.Mutex
	report  v1.Run
	skipped string
	forgot  bool
}

// openFake makes sessions of a part: "pass", or "fail", "void", "failnow", "panic" and a
// case that is so, or "hang".
func openFake(part string) opener {
	return func(cfg runner.Config) (session, func(), error) {
		s := &fakeSession{cases: cfg.Cases}
		s.part, s.victim, _ = strings.Cut(part, " ")
		s.report = v1.Run{RunConditions: v1.RunConditions{Schema: v1.Schema, ID: cfg.RunID, Engine: cfg.Engine, Parallel: cfg.Parallel, Started: time.Now()}}
		return s, func() { tell("free") }, nil
	}
}

func (s *fakeSession) Start(context.Context) error { return nil }

func (s *fakeSession) Order() []string {
	var names []string
	for _, c := range s.cases {
		names = append(names, c.Name)
	}
	return names
}

func (s *fakeSession) Play(ctx context.Context, name string) (v1.Case, error) {
	if ctx.Err() != nil {
		return v1.Case{Name: name, Outcome: v1.Unfinished, Reason: "never begun"}, nil
	}
	tell("play %s", name)
	i := slices.IndexFunc(s.cases, func(c cases.Case) bool { return c.Name == name })
	result := v1.Case{Name: name, Outcome: v1.Pass}
	for _, step := range s.cases[i].Steps {
		result.Steps = append(result.Steps, v1.Step{Name: step.Name, Outcome: v1.Pass, Cells: []v1.Cell{{Case: name, Step: step.Name, Outcome: v1.Pass}}})
	}
	if name == s.victim && s.part == "failnow" {
		return result, errors.New("of the stage") // which the set-up answers with FailNow
	}
	if name == s.victim || s.part == "hang" {
		s.spoil(ctx, &result)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Cases = append(s.report.Cases, result)
	return result, nil
}

func (s *fakeSession) spoil(ctx context.Context, c *v1.Case) {
	last := &c.Steps[len(c.Steps)-1]
	switch s.part {
	case "fail":
		last.Outcome, last.Reason = v1.Fail, "1 of 1 cells"
		last.Cells = []v1.Cell{{Client: "x/a", Server: "y/b", Port: 80, Protocol: "TCP", Outcome: v1.Fail, Reason: "leaked"}}
		c.Outcome, c.Reason = v1.Fail, "the last step failed"
	case "void":
		last.Outcome, last.Reason = v1.Inconclusive, "the prober gave no observation"
		c.Outcome, c.Reason = v1.Inconclusive, last.Reason
	case "panic":
		panic("of the stage")
	case "hang":
		<-ctx.Done()
		c.Outcome, c.Reason, c.Steps = v1.Unfinished, "the run was stopped", c.Steps[:1]
		c.Steps[0].Outcome = v1.Unfinished
	}
}

func (s *fakeSession) Skip(reason string) { s.skipped = reason }
func (s *fakeSession) Forget()            { s.forgot = true }

func (s *fakeSession) Close(ctx context.Context) *v1.Run {
	tell("close")
	played := map[string]bool{}
	for _, c := range s.report.Cases {
		played[c.Name] = true
	}
	for _, c := range s.cases {
		switch {
		case played[c.Name] || s.forgot:
		case s.skipped != "":
			s.report.Cases = append(s.report.Cases, v1.Case{Name: c.Name, Outcome: v1.Skipped, Reason: s.skipped})
		case ctx.Err() != nil:
			s.report.Cases = append(s.report.Cases, v1.Case{Name: c.Name, Outcome: v1.Unfinished, Reason: "never begun"})
		}
	}
	s.report.Finished = time.Now()
	return &s.report
}

// performance is a stage that runs in a process of its own.
type performance struct {
	cmd  *exec.Cmd
	out  string // result directory
	text *bytes.Buffer
	line chan string
}

// perform starts the test binary as a suite that behaves as part says.
func perform(t *testing.T, part string, args ...string) *performance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	p := &performance{out: filepath.Join(t.TempDir(), "out"), text: &bytes.Buffer{}, line: make(chan string, 10000)}
	base := []string{"-test.v", "-test.run=^TestStage$", "-out", p.out}
	p.cmd = exec.CommandContext(ctx, "/proc/self/exe", append(base, args...)...)
	p.cmd.Env = append(os.Environ(), partVar+"="+part)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.line)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.line <- lines.Text()
		}
	}()
	return p
}

// await returns when a line that contains want was written.
func (p *performance) await(t *testing.T, want string) {
	t.Helper()
	for line := range p.line {
		fmt.Fprintln(p.text, line)
		if strings.Contains(line, want) {
			return
		}
	}
	t.Fatalf("no %q in:\n%s", want, p.text)
}

// end waits for the end of the process and returns its exit code.
func (p *performance) end(t *testing.T) int {
	t.Helper()
	for line := range p.line {
		fmt.Fprintln(p.text, line)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// told are the words after prefix of the lines of the stage, in order.
func (p *performance) told(prefix string) []string {
	var words []string
	for line := range strings.Lines(p.text.String()) {
		if _, rest, ok := strings.Cut(line, "stage: "+prefix); ok {
			words = append(words, strings.TrimSpace(rest))
		}
	}
	return words
}

// clean checks that what was brought up was taken down, in the right order, and that
// results are there.
func (p *performance) clean(t *testing.T) *v1.Run {
	t.Helper()
	var order []string
	for line := range strings.Lines(p.text.String()) {
		if _, rest, ok := strings.Cut(line, "stage: "); ok && !strings.HasPrefix(rest, "play ") {
			order = append(order, strings.TrimSpace(rest))
		}
	}
	if want := []string{"up", "close", "free", "down"}; !slices.Equal(order, want) {
		t.Errorf("the stage was brought %v, want %v:\n%s", order, want, p.text)
	}
	return p.results(t)
}

func (p *performance) results(t *testing.T) *v1.Run {
	t.Helper()
	return readRun(t, p.out)
}

func readRun(t *testing.T, dir string) *v1.Run {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, reports.RunFile))
	if err != nil {
		t.Fatal(err)
	}
	var run v1.Run
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	return &run
}
