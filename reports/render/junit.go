package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Body    string `xml:",cdata"` // which keeps its line breaks readable
}

// JUnit writes the cases as a JUnit test suite. Failed cases are failures; inconclusive,
// erroneous and unfinished ones are errors, because they say nothing about the engine.
func JUnit(w io.Writer, run *v1.Run) error {
	f := run.Figures()
	suite := junitSuite{
		Name: "netassay conformance", Tests: f.Cases, Failures: f.Failed,
		Errors:  f.Inconclusive + f.Errors + f.Unfinished,
		Skipped: f.Skipped + f.NotSupported,
		Time:    seconds(run.Finished.Sub(run.Started).Seconds()), Timestamp: run.Started.UTC().Format(time.RFC3339),
		Properties: properties(run),
	}
	for i := range run.Cases {
		suite.Cases = append(suite.Cases, junit(run, &run.Cases[i]))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func properties(run *v1.Run) []junitProperty {
	return []junitProperty{
		{"schema", run.Schema},
		{"verdict", string(run.Verdict())},
		{"run", run.ID},
		{"netassay", run.Tool},
		{"engine", run.Engine},
		{"cluster", run.Cluster},
		{"kubernetes", run.Kubernetes},
		{"kernel", run.Kernel},
		{"families", strings.Join(run.Families, ",")},
		{"seed", fmt.Sprint(run.Seed)},
		{"parallel", fmt.Sprint(run.Parallel)},
	}
}

func junit(run *v1.Run, c *v1.Case) junitCase {
	j := junitCase{Class: "netassay." + run.Engine, Name: c.Name, Time: seconds(c.Seconds)}
	message := &junitMessage{Message: c.Reason, Type: string(c.Outcome)}
	switch c.Outcome {
	case v1.Pass:
	case v1.Fail:
		message.Body = details(c)
		j.Failure = message
	case v1.Skipped, v1.NotSupported:
		j.Skipped = message
	case v1.Inconclusive, v1.Error, v1.Unfinished:
		message.Body = details(c)
		j.Error = message
	}
	return j
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// details is what the text report says of a case.
func details(c *v1.Case) string {
	var b strings.Builder
	t := &text{w: &b}
	t.caseDetails(c)
	return strings.Map(inXML, b.String())
}

// inXML replaces what no XML document may hold, not even in CDATA.
func inXML(r rune) rune {
	ok := r == '\t' || r == '\n' || r == '\r' || (r >= 0x20 && r <= 0xD7FF) || (r >= 0xE000 && r <= 0xFFFD) || r >= 0x10000
	if !ok {
		return '\uFFFD'
	}
	return r
}
