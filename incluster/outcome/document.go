package outcome

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Report is what is known of an experiment beside its own JUnit document.
type Report struct {
	Ending
	// Results is whether its result directory is whole.
	Results bool
	// Log is the end of what it printed.
	Log string
	// Figures are its numbers, by name.
	Figures []Figure
}

// Figure is a number with its name and unit.
type Figure struct{ Name, Value string }

// Document is the JUnit document of the experiment with a suite more, which says whether it came
// to its end. own is the experiment's document, nil when it left none. unfinished is why it is
// not to be believed, "" when it is: then, and only then, the document is as green as own is.
func Document(own []byte, r Report) (document []byte, unfinished string) {
	counted, err := count(own)
	unfinished = r.unfinished(counted, err)
	var out bytes.Buffer
	if err == nil {
		out.Write(own[:bytes.LastIndex(own, []byte(closing))])
	} else {
		out.WriteString(xml.Header + "<testsuites>\n")
	}
	enc := xml.NewEncoder(&out)
	enc.Indent("  ", "  ")
	if err := enc.Encode(suiteOf(r, unfinished)); err != nil {
		panic(err) // of strings alone
	}
	out.WriteString("\n" + closing + "\n")
	return out.Bytes(), unfinished
}

// unfinished is Ending's, or what its results lack.
func (r Report) unfinished(own counts, err error) string {
	switch reason := r.Unfinished(); {
	case reason != "":
		return reason
	case err != nil:
		return fmt.Sprintf("it ended with exit code %d, and its %v", r.Code, err)
	case !r.Results:
		return fmt.Sprintf("it ended with exit code %d, and its results are not whole", r.Code)
	case own.cases == 0:
		return fmt.Sprintf("it ended with exit code %d, and judged no case", r.Code)
	case r.Code == failed && own.red == 0:
		return fmt.Sprintf("it ended with exit code %d, and failed no case", r.Code)
	}
	return ""
}

// counts are of the cases of a document.
type counts struct{ cases, red int }

// closing is how every document of JUnit that we write ends.
const closing = "</testsuites>"

var errNoDocument = errors.New("JUnit document is missing")

// count reads a JUnit document to its end, so that half a one is none.
func count(document []byte) (counts, error) {
	if len(document) == 0 {
		return counts{}, errNoDocument
	}
	var got counts
	depth, root := 0, ""
	for dec := xml.NewDecoder(bytes.NewReader(document)); ; {
		token, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && root == "testsuites" && depth == 0:
			return got, nil
		case errors.Is(err, io.EOF):
			return counts{}, errors.New("JUnit document is no list of test suites")
		case err != nil:
			return counts{}, fmt.Errorf("JUnit document is damaged: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				root = t.Name.Local
			}
			switch t.Name.Local {
			case "testcase":
				got.cases++
			case "failure", "error":
				got.red++
			}
		case xml.EndElement:
			depth--
		}
	}
}

type suite struct {
	XMLName    xml.Name   `xml:"testsuite"`
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Properties []property `xml:"properties>property,omitempty"`
	Case       testCase   `xml:"testcase"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testCase struct {
	Class string   `xml:"classname,attr"`
	Name  string   `xml:"name,attr"`
	Time  string   `xml:"time,attr"`
	Error *message `xml:"error"`
	Out   string   `xml:"system-out,omitempty"`
}

type message struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Body    string `xml:",chardata"`
}

// CaseName is the name of the case that says whether an experiment came to its end.
const CaseName = "the experiment came to its end"

// suiteOf is the suite of that case. Sonobuoy drops properties, and keeps what a case printed
// among its details. The encoder puts U+FFFD in place of what no XML document may hold, also of
// half a character, where the log was cut.
func suiteOf(r Report, unfinished string) suite {
	s := suite{
		Name: "netassay in the cluster", Tests: 1,
		Case: testCase{Class: "netassay.run-in-cluster", Name: CaseName, Time: "0.000"},
	}
	var figures strings.Builder
	for _, f := range r.Figures {
		s.Properties = append(s.Properties, property(f))
		fmt.Fprintf(&figures, "%s: %s\n", f.Name, f.Value)
	}
	s.Case.Out = figures.String()
	if unfinished != "" {
		s.Errors = 1
		s.Case.Error = &message{Message: "unfinished: " + unfinished, Type: "Unfinished", Body: r.Log}
	}
	return s
}
