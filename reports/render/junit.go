package render

import (
	"cmp"
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

// JUnit writes the cases of a conformance run as a JUnit test suite. Failed cases are
// failures; inconclusive, erroneous and unfinished ones are errors, because they say nothing
// about the engine.
func JUnit(w io.Writer, run *v1.Run) error {
	suite := newSuite("conformance", run.Started, run.Finished,
		"schema", run.Schema, "verdict", string(run.Verdict()), "run", run.ID, "netassay", run.Tool, "engine", run.Engine,
		"cluster", run.Cluster, "kubernetes", run.Kubernetes, "kernel", run.Kernel, "families", strings.Join(run.Families, ","),
		"seed", fmt.Sprint(run.Seed), "parallel", fmt.Sprint(run.Parallel), "flips", fmt.Sprint(run.Figures().Flips))
	for i := range run.Cases {
		suite.add(junit(run, &run.Cases[i]))
	}
	if run.Sentinel != nil {
		suite.add(sentinelJUnit(run))
	}
	return suite.write(w)
}

// CheckJUnit writes the steps of an AKS check as a JUnit test suite.
func CheckJUnit(w io.Writer, run *v1.CheckRun) error {
	suite := newSuite("verify", run.Started, run.Finished,
		"schema", run.Schema, "verdict", string(run.Verdict()), "run", run.ID, "netassay", run.Tool, "engine", run.Engine, "cluster", run.Cluster)
	for _, s := range run.Steps {
		c := junitCase{Class: "netassay." + run.Engine, Name: s.Title, Time: seconds(s.Seconds)}
		if s.Command != "" { // without it, each family's has the same name
			c.Name += ": " + s.Command
		}
		if !s.OK {
			c.Failure = &junitMessage{Message: fmt.Sprintf("it printed %q", s.Output), Type: string(v1.Fail)}
		}
		suite.add(c)
	}
	if run.Trouble != "" {
		suite.add(judged(run.Engine, "the check could be done", v1.VerdictVoid, []string{run.Trouble}))
	}
	return suite.write(w)
}

// ChaosJUnit writes a chaos run as a JUnit test suite of one case.
func ChaosJUnit(w io.Writer, run *v1.ChaosRun, s *v1.ChaosSummary) error {
	suite := newSuite("chaos", run.Started, run.Finished,
		"schema", run.Schema, "verdict", string(s.Verdict), "run", run.ID, "netassay", run.Tool,
		"cluster", run.Cluster, "kernel", run.Kernel, "seed", fmt.Sprint(run.Seed))
	suite.add(judged("chaos", "no packet goes wrong", s.Verdict, s.Reasons))
	return suite.write(w)
}

// ScaleJUnit writes a scale run as a JUnit test suite of one case.
func ScaleJUnit(w io.Writer, run *v1.ScaleRun, s *v1.ScaleSummary) error {
	suite := newSuite("scale", run.Started, run.Finished,
		"schema", run.Schema, "verdict", string(s.Verdict), "run", run.ID, "netassay", run.Tool,
		"cluster", run.Cluster, "kubernetes", run.Kubernetes, "kernel", run.Kernel, "profile", run.Profile)
	suite.add(judged("scale", "engines keep to their limits", s.Verdict, s.Reasons))
	return suite.write(w)
}

// MigrationJUnit writes a change of engine as a JUnit test suite of one case for each watch.
func MigrationJUnit(w io.Writer, run *v1.MigrationRun, s *v1.MigrationSummary) error {
	suite := newSuite("migrate", run.Started, run.Finished,
		"schema", run.Schema, "verdict", string(s.Verdict), "run", run.ID, "netassay", run.Tool,
		"cluster", run.Cluster, "kernel", run.Kernel, "from", run.From, "to", run.To)
	for i := range s.Rows {
		row := &s.Rows[i]
		c := junitCase{Class: "netassay.migrate", Name: row.Where(), Time: seconds(s.Seconds)}
		if row.LeakFrom != nil || row.OutageFrom != nil {
			c.Failure = &junitMessage{Message: fmt.Sprintf("open for %.3f s, cut off for %.3f s", row.LeakSeconds, row.OutageSeconds), Type: string(v1.Fail)}
		}
		suite.add(c)
	}
	if s.Verdict == v1.VerdictVoid {
		suite.add(judged("migrate", "enough was seen", s.Verdict, s.Reasons))
	}
	return suite.write(w)
}

// FuzzJUnit writes a run of drawn cases as a JUnit test suite of one case.
func FuzzJUnit(w io.Writer, run *v1.FuzzRun) error {
	suite := newSuite("fuzz", run.Started, run.Finished,
		"schema", run.Schema, "verdict", string(run.Verdict()), "run", run.ID, "netassay", run.Tool,
		"cluster", run.Cluster, "engines", strings.Join(run.Engines, ","), "seed", fmt.Sprint(run.Seed))
	reasons := []string{cmp.Or(run.Trouble, "too little was judged")}
	if len(run.Found) > 0 {
		reasons = nil
	}
	for _, f := range run.Found {
		reasons = append(reasons, f.Engine+": "+f.Wrong)
	}
	suite.add(judged("fuzz", "no drawn case is failed", run.Verdict(), reasons))
	return suite.write(w)
}

// Checked is one thing that was checked, and what was wrong with it.
type Checked struct {
	Class, Name string
	Wrong       string // one line; "" of what was right
	Details     string
}

// ChecksJUnit writes checks that no run of a cluster made as a JUnit test suite; properties are
// names, each followed by its value.
func ChecksJUnit(w io.Writer, name string, started, finished time.Time, all []Checked, properties ...string) error {
	suite := newSuite(name, started, finished, properties...)
	for _, one := range all {
		c := junitCase{Class: "netassay." + one.Class, Name: one.Name, Time: seconds(0)}
		if one.Wrong != "" {
			c.Failure = &junitMessage{Message: one.Wrong, Type: string(v1.Fail), Body: strings.Map(inXML, one.Details)}
		}
		suite.add(c)
	}
	return suite.write(w)
}

// newSuite is a suite without cases; properties are names, each followed by its value.
func newSuite(experiment string, started, finished time.Time, properties ...string) junitSuite {
	s := junitSuite{
		Name: "netassay " + experiment, Time: seconds(finished.Sub(started).Seconds()), Timestamp: started.UTC().Format(time.RFC3339),
	}
	for i := 0; i+1 < len(properties); i += 2 {
		s.Properties = append(s.Properties, junitProperty{properties[i], properties[i+1]})
	}
	return s
}

// judged is a case by a verdict: void is an error, because it says nothing.
func judged(class, name string, v v1.Verdict, reasons []string) junitCase {
	c := junitCase{Class: "netassay." + class, Name: name, Time: seconds(0)}
	message := &junitMessage{Message: strings.Join(reasons, "; "), Type: string(v)}
	switch v {
	case v1.VerdictPass:
	case v1.VerdictFail:
		c.Failure = message
	case v1.VerdictVoid:
		c.Error = message
	}
	return c
}

// add adds a case and counts it.
func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func (s junitSuite) write(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{s}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junit(run *v1.Run, c *v1.Case) junitCase {
	j := junitCase{Class: "netassay." + run.Engine, Name: c.Name, Time: seconds(c.Seconds)}
	return outcome(j, c.Outcome, c.Reason, details(c))
}

// outcome gives a case its outcome; body says more of one that did not pass.
func outcome(j junitCase, o v1.Outcome, reason, body string) junitCase {
	message := &junitMessage{Message: reason, Type: string(o)}
	switch o {
	case v1.Pass:
	case v1.Fail:
		message.Body = body
		j.Failure = message
	case v1.Skipped, v1.NotSupported:
		j.Skipped = message
	case v1.Inconclusive, v1.Error, v1.Unfinished:
		message.Body = body
		j.Error = message
	}
	return j
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// details is what the text report says of a case.
func details(c *v1.Case) string {
	var b strings.Builder
	t := newText(&b)
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
