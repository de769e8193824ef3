package profile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/profile"
)

const good = `name: thing
title: The Thing
recognise:
- daemonSet: thing
- {daemonSet: aws-thing, container: agent, title: The Thing on AWS}
unsupported:
- {feature: SCTP, reason: it knows two protocols, source: "https://a.b/c", then: closed}
- {feature: EndPort, reason: it reads one port, source: "https://a.b/d", then: open}
- {family: IPv6, reason: it knows one family, source: "https://a.b/e", then: refused}
undefined:
- {about: the own node, does: always let in, source: "https://a.b/f"}
deadline: {after: 45s, why: it waits, source: "https://a.b/g"}
options:
- {name: A_B, value: "1", why: it has to be}
variants:
- name: thing-fast
  title: The Thing in a hurry
  supports: [SCTP]
  options:
  - {name: wait, value: 0s, why: to see}
`

func TestParse(t *testing.T) {
	p, err := profile.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := []engines.Unsupported{
		{Feature: "SCTP", Reason: "it knows two protocols (https://a.b/c)", Then: engines.Closed},
		{Feature: "EndPort", Reason: "it reads one port (https://a.b/d)", Then: engines.Open},
		{Family: "IPv6", Reason: "it knows one family (https://a.b/e)", Then: engines.Refused},
	}
	if diff := cmp.Diff(want, p.Lacks()); diff != "" {
		t.Errorf("lacks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A_B=1"}, p.Env()); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if p.Recognise[1].Container != "agent" || p.Undefined[0].Does != "always let in" {
		t.Errorf("got %+v", p)
	}
}

// A variant is the engine with more options, a deadline of its own, and without lacks that these mend.
func TestVariant(t *testing.T) {
	p, err := profile.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if same, ok := p.Variant("thing"); !ok || same.Deadline.After.Duration != 45*time.Second {
		t.Errorf("by its own name: %+v, %t", same, ok)
	}
	v, ok := p.Variant("thing-fast")
	if !ok || v.Name != "thing-fast" || v.Title != "The Thing in a hurry" || v.Deadline != nil || v.Recognise[0].DaemonSet != "thing" {
		t.Errorf("got %+v, %t", v, ok)
	}
	if diff := cmp.Diff([]string{"--A_B=1", "--wait=0s"}, v.Args()); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if lacks := v.Lacks(); len(lacks) != 2 || lacks[0].Feature != "EndPort" || len(p.Lacks()) != 3 {
		t.Errorf("lacks %v, the engine itself %v", lacks, p.Lacks())
	}
	if _, ok := p.Variant("thing-slow"); ok {
		t.Error("a variant that is none")
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ name, old, with, says string }{
		{"a field that is none", "title:", "titel:", `unknown field "titel"`},
		{"no title", "The Thing\nrec", "\nrec", "profile thing: title: is missing"},
		{"no name", "name: thing", "name: ''", "profile (no name): name: is missing"},
		{"no agents", "recognise:\n- daemonSet: thing\n- {daemonSet: aws-thing, container: agent, title: The Thing on AWS}\n", "", "recognise: is missing"},
		{"an agent without a name", "daemonSet: aws-thing, ", "", "recognise[1].daemonSet: is missing"},
		{"neither feature nor family", "feature: SCTP, ", "", "unsupported[0]: give either feature or family"},
		{"both", "feature: SCTP", "feature: SCTP, family: IPv6", "unsupported[0]: give either feature or family"},
		{"no such family", "family: IPv6", "family: ipv6", `unsupported[2].family: "ipv6" is none of [IPv4 IPv6]`},
		{"no such disposition", "then: closed", "then: shut", `unsupported[0].then: "shut" is none of refused, closed, open`},
		{"a lack without a source", `, source: "https://a.b/c"`, "", "unsupported[0].source: is missing"},
		{"a choice without a source", `, source: "https://a.b/f"`, "", "undefined[0].source: is missing"},
		{"a deadline of no time", "after: 45s, ", "", "deadline.after: is missing"},
		{"a deadline without a source", `, source: "https://a.b/g"`, "", "deadline.source: is missing"},
		{"a variant without a name", "name: thing-fast", "name: ''", "variants[0].name: is missing"},
		{"a variant's option without a reason", ", why: to see", "", "variants[0].options[0].why: is missing"},
		{"a variant that supports what is there", "supports: [SCTP]", "supports: [UDP]", "variants[0].supports[0]: UDP is nothing that the engine lacks"},
		{"an option without a reason", ", why: it has to be", "", "options[0].why: is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Replace(good, tc.old, tc.with, 1)
			if text == good {
				t.Fatalf("%q is not in the good profile", tc.old)
			}
			_, err := profile.Parse([]byte(text))
			if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line that says %q", err, tc.says)
			}
		})
	}
}

// FuzzParse: whatever a file holds, reading it ends with a profile that is whole, or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: [1]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := profile.Parse(text)
		if err == nil && (p.Name == "" || len(p.Recognise) == 0) {
			t.Errorf("taken: %+v", p)
		}
	})
}
