package diff

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

func cell(client string, o v1.Outcome, k v1.FailureKind) v1.Cell {
	c := v1.Cell{Case: "c", Step: "one", Client: client, Server: "y/b", Path: "pod", Family: "IPv4", Protocol: "TCP", Port: 80, Want: "Deny", Outcome: o, Kind: k, Evidence: "Connected in 0.4 ms | <b>x</b>"}
	return c
}

func caseOf(name string, o v1.Outcome, reason string, cells ...v1.Cell) v1.Case {
	c := v1.Case{Name: name, Outcome: o, Reason: reason, Steps: []v1.Step{{Name: "one", Outcome: o, Cells: cells}}}
	for i := range cells {
		cells[i].Case = name
	}
	return c
}

func suiteRun(engine string, cases ...v1.Case) *v1.Run {
	return &v1.Run{
		RunConditions: v1.RunConditions{
			Schema: v1.Schema, ID: "3f2a1b", Tool: "v0.1.0", Cluster: "lab", Engine: engine, Kubernetes: "v1.37.2", Kernel: "6.18", Nodes: 3,
			Families: []string{"IPv4"}, Parallel: 4, Started: time.Unix(1_800_000_000, 0).UTC(), Finished: time.Unix(1_800_000_300, 0).UTC(),
		},
		Cases: cases,
	}
}

// twoRuns differ in every way there is.
func twoRuns() (base, head *v1.Run) {
	undefined := func(observed string) v1.Cell {
		return v1.Cell{Step: "one", Client: "x/a", Server: "x/a", Path: "pod", Want: "Undefined", Outcome: v1.Skipped, Observed: observed}
	}
	base = suiteRun("reference",
		caseOf("broke", v1.Pass, "", cell("x/a", v1.Pass, ""), cell("x/b", v1.Pass, "")),
		caseOf("mended", v1.Fail, "leak", cell("x/a", v1.Fail, v1.Leak)),
		caseOf("leaks now", v1.Fail, "outage", cell("x/a", v1.Fail, v1.Outage)),
		caseOf("unsure", v1.Pass, "", cell("x/a", v1.Pass, "")),
		caseOf("gone", v1.Pass, ""), caseOf("same", v1.Pass, "", undefined(v1.ObservedAllow)))
	head = suiteRun("kube-router",
		caseOf("broke", v1.Fail, "leak in\nstep one", cell("x/a", v1.Fail, v1.Leak), cell("x/b", v1.Pass, "")),
		caseOf("mended", v1.Pass, "", cell("x/a", v1.Pass, "")),
		caseOf("leaks now", v1.Fail, "leak", cell("x/a", v1.Fail, v1.Leak)),
		caseOf("unsure", v1.Inconclusive, "no control", cell("x/a", v1.Inconclusive, "")),
		caseOf("new", v1.Fail, "leak"), caseOf("same", v1.Pass, "", undefined(v1.ObservedDeny)))
	head.Kernel = "6.19"
	head.Finished = time.Time{}
	base.Sentinel, head.Sentinel = &v1.Sentinel{Outcome: v1.Pass}, &v1.Sentinel{Outcome: v1.Fail, Reason: "4 packets leaked"}
	return base, head
}

func TestConformance(t *testing.T) {
	base, head := twoRuns()
	r := Conformance("a", "b", []*v1.Run{base}, []*v1.Run{head})
	got := map[string]Change{}
	for _, i := range r.Items {
		got[i.Name] = i.Change
	}
	want := map[string]Change{"broke": Worse, "leaks now": Worse, "sentinels": Worse, "mended": Better, "unsure": Unsure, "new": Unsure}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Conclusion != Worse || r.Compared != 5 || r.CountCells(Worse) != 2 || r.CountCells(Better) != 1 || r.CountCells(Unsure) != 1 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([][]string{{"gone"}, {"new"}}, [][]string{r.OnlyBase, r.OnlyHead}); diff != "" {
		t.Errorf("played on one side (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Differing{{"kernel", "6.18", "6.19"}}, r.Conditions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Differing{{"pod", "allow", "deny"}}, r.Observed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is compared the other way round is better where it was worse, and a run is no worse than
// itself.
func TestDirections(t *testing.T) {
	base, head := twoRuns()
	there, back := Conformance("a", "b", []*v1.Run{base}, []*v1.Run{head}), Conformance("b", "a", []*v1.Run{head}, []*v1.Run{base})
	if there.Count(Worse) != back.Count(Better) || there.Count(Better) != back.Count(Worse) || there.CountCells(Unsure) != back.CountCells(Unsure) {
		t.Errorf("there %v\nback %v", there.Items, back.Items)
	}
	for _, run := range []*v1.Run{base, head} {
		if r := Conformance("a", "a", []*v1.Run{run}, []*v1.Run{run}); r.Conclusion != Same || len(r.Items) > 0 || len(r.Conditions) > 0 {
			t.Errorf("a run and itself: %+v", r)
		}
	}
}

// One failure among repeats counts.
func TestRepeats(t *testing.T) {
	good := suiteRun("reference", caseOf("c", v1.Pass, "", cell("x/a", v1.Pass, "")))
	bad := suiteRun("reference", caseOf("c", v1.Fail, "leak", cell("x/a", v1.Fail, v1.Leak)))
	for _, tc := range []struct {
		name       string
		base, head []*v1.Run
		want       Change
		cells      int // that changed so
	}{
		{"one of three fails", []*v1.Run{good, good}, []*v1.Run{good, bad, good}, Worse, 1},
		{"it did before", []*v1.Run{bad, good}, []*v1.Run{good, bad, good}, Same, 0},
		{"it does no more", []*v1.Run{bad, good}, []*v1.Run{good}, Better, 1},
	} {
		if r := Conformance("a", "b", tc.base, tc.head); r.Conclusion != tc.want || r.Base.Runs != len(tc.base) || r.CountCells(tc.want) != tc.cells {
			t.Errorf("%s: %s, want %s", tc.name, r.Conclusion, tc.want)
		}
	}
}

func TestNothingInCommon(t *testing.T) {
	r := Conformance("a", "b", []*v1.Run{suiteRun("x", caseOf("one", v1.Pass, ""))}, []*v1.Run{suiteRun("x", caseOf("two", v1.Pass, ""))})
	if r.Conclusion != Unsure || len(r.Why) != 1 || !strings.Contains(r.Why[0], "no case was played on both sides") {
		t.Errorf("%+v", r)
	}
}

func TestOthers(t *testing.T) {
	step := func(ok bool) *v1.CheckRun {
		return &v1.CheckRun{Steps: []v1.CheckStep{{Title: "made"}, {Title: "is denied", Command: "c", OK: ok}}}
	}
	backend := func(leaked uint64) *v1.ChaosRun {
		return &v1.ChaosRun{Backends: []v1.Backend{{Backend: "nft", Tally: v1.Tally{UDP: v1.Counts{Leaked: leaked}}}}}
	}
	engines := func(leaked uint64) []v1.EngineSummary {
		return []v1.EngineSummary{{Engine: "reference", Transitions: []v1.Transition{{Transition: v1.Revoke, LeakPackets: leaked}}}}
	}
	scale := func(b, h uint64) *Report {
		return Scale(Side{}, Side{}, [2]map[string]string{{"kernel": "a"}, {"kernel": "b"}}, []string{"reference"}, engines(b), engines(h))
	}
	for _, tc := range []struct {
		name string
		got  *Report
		want Change
	}{
		{"check", Check("a", "b", step(true), step(false)), Worse},
		{"check back", Check("a", "b", step(false), step(true)), Better},
		{"check without steps", Check("a", "b", &v1.CheckRun{}, step(true)), Unsure},
		{"chaos", Chaos("a", "b", backend(0), backend(3)), Worse},
		{"chaos of no common backend", Chaos("a", "b", backend(0), &v1.ChaosRun{}), Unsure},
		{"more leaks of one that leaked", Chaos("a", "b", backend(3), backend(9)), Same},
		{"scale", scale(0, 4), Worse},
		{"scale back", scale(4, 0), Better},
	} {
		if tc.got.Conclusion != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, tc.got.Conclusion, tc.want)
		}
	}
}

// figures are one of each kind.
func figures() []Figure {
	ms := 40.0
	return []Figure{
		{Engine: "reference", Name: "convergence/p50", Unit: "ms", N: [2]int{10, 12}, Base: &ms, Head: &ms, P: 0.001, Change: Worse, Told: Told{"40.0 ms", "80.0 ms", "+100.0 %", "+80.0 % to +120.0 %", "0.0010"}},
		{Engine: "reference", Name: "convergence/p90", Unit: "ms", N: [2]int{10, 10}, P: 1, Change: Same, Told: Told{"> deadline", "> deadline", "+0.0 %", "+0.0 % to +0.0 %", "1.0000"}},
	}
}

func TestFigures(t *testing.T) {
	for _, tc := range []struct {
		name  string
		void  []string
		alone bool
		want  Change
	}{
		{"slower", nil, false, Worse},
		{"not judged, beside verdicts", []string{"one repeat"}, false, Same},
		{"not judged, and nothing else", []string{"a", "b", "c", "d", "e"}, true, Unsure},
	} {
		r := Scale(Side{}, Side{}, [2]map[string]string{{}, {}}, nil, nil, nil)
		r.AddFigures(figures(), tc.void, tc.alone)
		if r.Conclusion != tc.want || len(r.Figures) != 2 || len(r.Why)+len(r.Notes) > 4 {
			t.Errorf("%s: %s, want %s: %+v", tc.name, r.Conclusion, tc.want, r)
		}
	}
}

func TestGolden(t *testing.T) {
	base, head := twoRuns()
	r := Conformance("results/base", "results/head", []*v1.Run{base}, []*v1.Run{head})
	r.AddFigures(figures(), nil, false)
	var text, markdown, html bytes.Buffer
	for _, err := range []error{r.Text(&text), r.Markdown(&markdown), r.HTML(&html)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, body, _ := strings.Cut(html.String(), "<body>")
	body, _, _ = strings.Cut(body, "<footer") // what is before and after is every page's
	got := txtar.Format(&txtar.Archive{Files: []txtar.File{{Name: "diff.txt", Data: text.Bytes()}, {Name: "diff.md", Data: markdown.Bytes()}, {Name: "diff.html", Data: []byte(body)}}})
	path := filepath.Join("testdata", "diff.txtar")
	golden.Check(t, path, got)
	for _, bad := range []string{"<b>x</b>", "http:", "https:", "src="} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// A comment has an end, however much got worse, and says what it leaves out.
func TestMarkdownIsBounded(t *testing.T) {
	var good, bad []v1.Case
	for i := range 900 {
		name := fmt.Sprintf("case-%d `@somebody` | %s", i, strings.Repeat("é", 300))
		var pass, fail []v1.Cell
		for j := range 20 {
			client := fmt.Sprintf("x/%d", j)
			wrong := cell(client, v1.Fail, v1.Leak)
			wrong.Evidence = strings.Repeat("é", 300)
			pass, fail = append(pass, cell(client, v1.Pass, "")), append(fail, wrong)
		}
		good, bad = append(good, caseOf(name, v1.Pass, "", pass...)), append(bad, caseOf(name, v1.Fail, strings.Repeat("why ", 900), fail...))
	}
	var b bytes.Buffer
	if err := Conformance("a", "b", []*v1.Run{suiteRun("x", good...)}, []*v1.Run{suiteRun("x", bad...)}).Markdown(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if len(text) > 65_536 || !strings.HasPrefix(text, Marker+"\n") || !strings.Contains(text, "more, left out for length") || !strings.Contains(text, "900 compared: 900 worse") {
		t.Errorf("%d bytes, begins %.200s", len(text), text)
	}
	if strings.Count(text, "<details") != strings.Count(text, "</details>") || strings.Contains(text, "`@somebody`") {
		t.Error("details are left open, or somebody is mentioned")
	}
}
