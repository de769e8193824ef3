package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

// outputs are all that a run is rendered to, in the order of the golden files.
var outputs = []struct {
	name  string
	write func(io.Writer, *v1.Run) error
}{
	{"report.txt", Text},
	{"junit.xml", JUnit},
	{"records.jsonl", records},
	{"summary.json", func(w io.Writer, run *v1.Run) error { return JSON(w, run.Summary()) }},
	{"run.json", Run},
}

// stream are the records of a finished run.
func stream(run *v1.Run) []v1.Record {
	out := []v1.Record{&run.RunConditions}
	for i := range run.Cases {
		out = append(out, run.Cases[i].Records()...)
	}
	if run.Sentinel != nil {
		out = append(out, run.Sentinel.Records()...)
	}
	for _, n := range run.Notes {
		out = append(out, &v1.Note{Text: n})
	}
	return append(out, &v1.Conclusion{Verdict: run.Verdict()})
}

func records(w io.Writer, run *v1.Run) error {
	for _, r := range stream(run) {
		line, err := v1.EncodeRecord(r)
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// What is put together from the records is rendered as the run itself is.
func TestRecordsHoldTheRun(t *testing.T) {
	for _, run := range []*v1.Run{passed(), failed(), void()} {
		var again v1.Run
		for _, r := range stream(run) {
			line, err := v1.EncodeRecord(r)
			if err != nil {
				t.Fatal(err)
			}
			if r, err = v1.DecodeRecord(line); err != nil {
				t.Fatal(err)
			}
			if err := again.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range outputs {
			var want, got bytes.Buffer
			if err := errors.Join(o.write(&want, run), o.write(&got, &again)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.String(), got.String()); diff != "" && o.name != "records.jsonl" {
				t.Errorf("%s (-of the run +of its records):\n%s", o.name, diff)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	for name, run := range map[string]*v1.Run{"pass": passed(), "fail": failed(), "void": void()} {
		t.Run(name, func(t *testing.T) {
			var got txtar.Archive
			for _, o := range outputs {
				var b bytes.Buffer
				if err := o.write(&b, run); err != nil {
					t.Fatalf("%s: %v", o.name, err)
				}
				got.Files = append(got.Files, txtar.File{Name: o.name, Data: b.Bytes()})
			}
			golden.Check(t, filepath.Join("testdata", name+".txtar"), txtar.Format(&got))
		})
	}
}

// Law 8: equal runs give equal bytes, however often they are rendered.
func TestEqualRunsEqualBytes(t *testing.T) {
	for _, o := range outputs {
		var first bytes.Buffer
		if err := o.write(&first, failed()); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			var again bytes.Buffer
			if err := o.write(&again, failed()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first.Bytes(), again.Bytes()) {
				t.Fatalf("%s differs from run to run", o.name)
			}
		}
	}
}

// What people and clusters write into names and errors must not break the XML.
func TestJUnitEscapes(t *testing.T) {
	run := failed()
	run.Cases[0].Reason = "a <b> & \"c\" \x01 ]]> é"
	run.Cases[0].Title = "ends ]]> and \x02"
	var b bytes.Buffer
	if err := JUnit(&b, run); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Suites []struct {
			Failures int `xml:"failures,attr"`
			Cases    []struct {
				Failure struct {
					Message string `xml:"message,attr"`
					Body    string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if got := back.Suites[0].Cases[0].Failure.Message; !strings.HasPrefix(got, `a <b> & "c"`) {
		t.Errorf("message %q", got)
	}
	if got := back.Suites[0].Cases[0].Failure.Body; !strings.HasPrefix(got, "ends ]]> and \uFFFD\n") {
		t.Errorf("body %q", got)
	}
	if back.Suites[0].Failures != 2 { // the case, and the sentinels
		t.Errorf("%d failures", back.Suites[0].Failures)
	}
}

type brokenWriter struct{ room int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

// A full disk is an error, wherever it happens.
func TestWriteErrorsAreReturned(t *testing.T) {
	for _, o := range outputs {
		var whole bytes.Buffer
		if err := o.write(&whole, failed()); err != nil {
			t.Fatal(err)
		}
		for room := 0; room < whole.Len(); room += 97 {
			if err := o.write(&brokenWriter{room}, failed()); err == nil {
				t.Fatalf("%s: no error with room for %d of %d bytes", o.name, room, whole.Len())
			}
		}
	}
}

// base are the conditions of the runs of the golden files.
func base() *v1.Run {
	ready := 5.25
	return &v1.Run{RunConditions: v1.RunConditions{
		Schema: v1.Schema, ID: "3f2a1b", Tool: "v0.1.0", Cluster: "lab", Engine: "reference", Kubernetes: "v1.37.2",
		Kernel: "6.18.5", Nodes: 3, Families: []string{"IPv4", "IPv6"}, Seed: 7, Parallel: 2,
		Timing:  v1.Timing{Timeout: 400, Silence: 300, Hold: 500, Deadline: 10000, RoundEvery: 300, FastEvery: 20},
		Started: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC), Finished: time.Date(2026, 11, 23, 1, 2, 53, 500e6, time.UTC),
		LabReady: &ready,
	}}
}

func passed() *v1.Run {
	run := base()
	run.Order = []string{"deny-ingress"}
	run.Cases = []v1.Case{
		{
			Name: "deny-ingress", Title: "Nothing enters x", Spec: "By default, a pod is non-isolated.", Features: []string{"Ingress"},
			Outcome: v1.Pass, FixtureSet: "a1", Seconds: 1.234, Steps: []v1.Step{matrix(func(*v1.Cell) {})},
		},
		{Name: "sctp-port", Title: "SCTP", Outcome: v1.NotSupported, Reason: "SCTP: no match for it"},
	}
	run.Sentinel = sentinel()
	return run
}

// sentinel is one that passes.
func sentinel() *v1.Sentinel {
	p50, p99, longest := 0.25, 1.5, 6.75
	return &v1.Sentinel{
		Outcome: v1.Pass, Flows: 4, Seconds: 48.5, IntervalMS: 1,
		Tally: v1.Tally{
			UDP:   v1.Counts{MustDrop: 97000, MustPass: 97000, Lost: 1},
			TCP:   v1.Counts{MustDrop: 106, MustPass: 970},
			Ticks: 194000,
		},
		Floor: v1.NoiseFloor{Sent: 97000, Lost: 2, Connections: 970, DelayP50: &p50, DelayP99: &p99, DelayMax: &longest},
		Notes: []string{"lost 1 packets and 0 new connections that had to pass: not more than noise (1 and 0 at times when the floor lost none)"},
	}
}

func failed() *v1.Run {
	run := passed()
	leak := matrix(func(c *v1.Cell) {
		if c.Client == "x/b" && c.Server == "x/a" && c.Family == "IPv6" {
			c.Outcome, c.Kind, c.Seen, c.Stable = v1.Fail, "leak", "Connected", nil
			c.Reason = "wants Deny, still Connected 10000.0 ms after the ack (99 of 99 probes wrong)"
			c.Evidence = "Connected in 0.4 ms, answered by x/a, received by the server"
			c.Because = "ingress: isolated by x/deny; no rule allows"
			c.Addresses, c.Course = "fd00::1:2 -> fd00::1:1", "1?i@-3 97-c@1..9999 1-c@10000"
			c.Explained = []string{"egress on n1: allowed: no policy isolates x/b for egress", "ingress on n1: dropped: x/a is isolated by x/deny, and no rule matches"}
		}
	})
	leak.Policies = []string{"kind: NetworkPolicy\nmetadata:\n  name: deny\n  namespace: x\n", "kind: NetworkPolicy\n"}
	leak.Outcome, leak.Reason = v1.Fail, "1 of 8 cells, first x/b -> x/a 80/TCP IPv6 by pod"
	skipped := v1.Step{Name: "and lets it in again", Outcome: v1.Skipped, Reason: "an earlier step did not pass"}
	run.Cases[0].Outcome, run.Cases[0].Reason = v1.Fail, `step "nothing enters x": `+leak.Reason
	run.Cases[0].Steps = []v1.Step{leak, skipped}
	run.Sentinel.Outcome, run.Sentinel.Kind, run.Sentinel.Notes = v1.Fail, v1.Leak, nil
	run.Sentinel.Reason = "5 packets and 0 new connections leaked, which a policy denied that nobody touched"
	run.Sentinel.UDP.Leaked, run.Sentinel.UDP.Lost = 5, 0
	run.Sentinel.Findings = []v1.Finding{{
		Phase: "sentinels", Flow: "stranger → server IPv6 cross-node", Protocol: "UDP", What: "leaked", Count: 5,
		From: 7000 * time.Millisecond, To: 7004 * time.Millisecond, At: run.Started.Add(2500 * time.Millisecond),
		During: []v1.Activity{{Case: "deny-ingress", Step: "nothing enters x", Actions: "apply x/deny"}, {Case: "update", Step: "restore"}},
	}}
	return run
}

func void() *v1.Run {
	run := passed()
	unsure := matrix(func(c *v1.Cell) {
		if c.Server == "y/long" {
			c.Outcome, c.Seen = v1.Inconclusive, "Inconclusive"
			c.Reason = "the probe itself failed: exec stream lost"
		}
	})
	unsure.Outcome, unsure.Reason = v1.Inconclusive, "2 of 8 cells"
	run.Cases[0].Outcome, run.Cases[0].Reason = v1.Inconclusive, `step "nothing enters x": 2 of 8 cells`
	run.Cases[0].Steps = []v1.Step{unsure}
	run.Cases = append(run.Cases, v1.Case{Name: "update", Title: "Updates", Outcome: v1.Unfinished, Reason: "never begun: the run was stopped"})
	run.Notes = []string{"case deny-ingress: again, because it was inconclusive: exec stream lost"}
	run.LabReady = nil
	run.Sentinel.Outcome, run.Sentinel.Reason = v1.Inconclusive, "pods without a policy lost 1.00 % of 97000 packets, at most 0.1 % may be: the machine or its network is too busy"
	run.Sentinel.Floor.Lost, run.Sentinel.Notes = 970, nil
	return run
}

// matrix is a step over three pods and two families in which x/b must not reach x/a any more.
func matrix(change func(*v1.Cell)) v1.Step {
	s := v1.Step{Name: "nothing enters x", Outcome: v1.Pass, AckMS: 2.5, Millis: 612.5, Rounds: 3, Probes: 96}
	pods := []string{"x/a", "x/b", "y/long"}
	for _, client := range pods {
		for _, server := range pods {
			for i, family := range []string{"IPv4", "IPv6"} {
				c := v1.Cell{
					Case: "deny-ingress", Step: s.Name, Client: client, Server: server, Path: "pod", Family: family,
					Protocol: "TCP", Port: 80, Want: "Allow", Seen: "Connected", Outcome: v1.Pass, Probes: 4,
				}
				switch {
				case client == server:
					c.Want, c.Outcome, c.Reason = "Undefined", v1.Skipped, "the API leaves it undefined: observed only"
					c.Observed, c.Asked = v1.ObservedAllow, client == "x/b"
				case server == "x/a":
					first, stable := 21.5+float64(i), 41.25+float64(i)
					c.Want, c.Seen, c.Changed, c.FirstRight, c.Stable = "Deny", "Dropped", true, &first, &stable
					c.Evidence = "Dropped in 400.0 ms, control live"
				}
				change(&c)
				s.Cells = append(s.Cells, c)
			}
		}
	}
	return s
}
