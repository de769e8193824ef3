package published

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

// published are the files of this directory.
func published(t *testing.T) []*Report {
	t.Helper()
	paths, err := filepath.Glob("*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d reports, error %v", len(paths), err)
	}
	var all []*Report
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if r.File() != path {
			t.Errorf("%s: what it holds belongs in %s", path, r.File())
		}
		again, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(again)); diff != "" {
			t.Errorf("%s is not as it is written (-file +written):\n%s", path, diff)
		}
		all = append(all, r)
	}
	return all
}

// The page in docs is what the files say, byte for byte.
func TestPageIsMadeFromTheFiles(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "engines.md")
	var b bytes.Buffer
	if err := Table(&b, published(t), "../reports/published"); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, path, b.Bytes())
}

// The order of the files does not matter.
func TestTableIsStable(t *testing.T) {
	all := published(t)
	var there, back bytes.Buffer
	if err := Table(&there, all, "x"); err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	if err := Table(&back, all, "x"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(there.String(), back.String()); diff != "" {
		t.Errorf("(-there +back):\n%s", diff)
	}
}

var said = Said{URL: "https://example.com", Under: "2 CPUs", Reproduce: []string{"make conformance"}, CI: "https://example.com/1"}

func suiteRun() *v1.Run {
	started := time.Unix(1_800_000_000, 0).UTC()
	of := func(name string, o v1.Outcome, features ...string) v1.Case {
		return v1.Case{Name: name, Outcome: o, Features: features}
	}
	return &v1.Run{
		RunConditions: v1.RunConditions{ID: "r", Tool: "v0.1.0", Cluster: "lab", Engine: "kube-router", EngineVersion: "v1.6.1", Kubernetes: "v1.37.2", Kernel: "6.18", Families: []string{"IPv4"}, Started: started, Finished: started.Add(5 * time.Minute)},
		Cases: []v1.Case{
			of("a", v1.Pass, "Ingress"), of("b", v1.Fail, "Ingress", "EndPort"), of("c", v1.NotSupported, "DualStack", "Egress"),
			of("d", v1.Pass, "Egress"), of("e", v1.Inconclusive, "SCTP"),
		},
		Sentinel: &v1.Sentinel{Outcome: v1.Pass},
	}
}

func TestOfSuite(t *testing.T) {
	r := OfSuite(suiteRun(), 9, said)
	c := r.Conformance
	if diff := cmp.Diff(Statistics{Cases: 5, Of: 9, Passed: 2, Failed: 1, NotSupported: 1, Inconclusive: 1, Sentinels: true}, c.Statistics); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"Ingress": "failed 1 of 2", "EndPort": "failed 1 of 1", "DualStack": "no", "Egress": "yes", "SCTP": "?"}, c.byFeature()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.File() != "kube-router-v1.6.1-lab.yaml" || c.Result != v1.VerdictFail || c.Seconds != 300 || !cmp.Equal(c.FailedCases, []string{"b"}) {
		t.Errorf("%s, %+v", r.File(), c)
	}
	text, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

func TestOfScale(t *testing.T) {
	one, two := 1.0, 2.0
	run := &v1.ScaleRun{ScaleConditions: v1.ScaleConditions{Tool: "v0.1.0", Cluster: "kind", Kubernetes: "v1", Kernel: "6", Profile: "p", Timing: v1.ScaleTiming{Deadline: 9}, Started: time.Unix(1, 0).UTC()}}
	e := &v1.EngineSummary{
		Engine: "reference", Repeats: 1, Transitions: []v1.Transition{{Transition: "revoke", N: 3, P50: v1.Figure{Value: &one}, LeakPackets: 4}},
		Memory: []v1.MemoryRow{{Name: "rss", Unit: v1.UnitBytes, Phases: []*float64{&one, &two}}, {Name: "rules", Unit: "1"}},
	}
	r := OfScale(run, v1.VerdictPass, e, said)
	if diff := cmp.Diff([]Memory{{Name: "rss", Empty: &one, Loaded: &two, Highest: &two}}, r.Scale.Memory); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.Scale.times("revoke"); got != "1.0 / > 9 / > 9 (n=3)" || r.Scale.leaked("revoke") != 4 || r.File() != "reference-v0.1.0-kind.yaml" {
		t.Errorf("%s, %s", got, r.File())
	}
	suite := OfSuite(suiteRun(), 5, said)
	suite.Merge(r)
	if suite.Scale == nil || suite.Conformance == nil {
		t.Errorf("%+v", suite)
	}
}

func TestParseRefuses(t *testing.T) {
	text, err := Encode(OfSuite(suiteRun(), 9, said))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ old, with, want string }{
		{"  reproduce:\n  - make conformance\n", "", "conformance.reproduce is missing"},
		{"- make conformance", `- ""`, "conformance.reproduce is missing or has an empty line"},
		{"under: 2 CPUs", `under: ""`, "conformance.under is missing"},
		{"result: fail", "result: void", `conformance.result is "void": a run that says nothing about the engine is not published`},
		{"mode: lab", "mode: cloud", "mode is missing or unknown: write lab, kind or existing"},
		{"netassay: v0.1.0", `netassay: ""`, "conformance lacks date, netassay, kubernetes or kernel"},
		{"published/v1", "published/v2", "apiVersion is missing or unknown: write netassay.dev/published/v1"},
		{"  url: https://example.com\n", "", "implementation.url is missing"},
		{"mode: lab", "mode: lab\nmood: good", `unknown field "mood"`},
		{"mode: lab", "mode: [", "yaml: "},
	} {
		spoilt := strings.Replace(string(text), tc.old, tc.with, 1)
		if spoilt == string(text) {
			t.Fatalf("no %q in\n%s", tc.old, text)
		}
		if _, err := Parse([]byte(spoilt)); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}
