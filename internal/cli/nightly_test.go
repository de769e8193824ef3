package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/reports"
	v1 "github.com/netassay/netassay/reports/v1"
)

// acted is a night whose experiments are played by do instead of by this program.
func acted(t *testing.T, do func(experiment, out string) (int, string, error)) (f nightlyFlags, stdio IO, out, errs *bytes.Buffer) {
	t.Helper()
	f = nightlyFlags{
		trend: newTrendFlags(), history: filepath.Join(t.TempDir(), "history"), out: filepath.Join(t.TempDir(), "out"),
		set: []string{standardSet}, engines: []string{"reference"}, parallel: 2,
		program: func(_ context.Context, _ IO, args []string) (int, string, error) {
			return do(args[0], args[len(args)-1])
		},
	}
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return f, IO{Out: out, Err: errs}, out, errs
}

// playWell leaves the results of a run in which all is well.
func playWell(t *testing.T, experiment, out string) {
	t.Helper()
	if experiment == "scale" {
		if err := os.CopyFS(out, os.DirFS("../../reports/testdata/scale-057bd36")); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir, err := reports.Open(out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if experiment == "chaos" {
		err = dir.Chaos(&v1.ChaosRun{}, &v1.ChaosSummary{Verdict: v1.VerdictPass})
	} else {
		run := v1.Run{RunConditions: v1.RunConditions{Schema: v1.Schema, Kubernetes: "v1", Families: []string{"IPv4"}}, Cases: []v1.Case{{Name: "a", Outcome: v1.Pass}}}
		dir.Append(&run.RunConditions, &run.Cases[0])
		err = dir.Conformance(&run)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func runNight(t *testing.T, f *nightlyFlags, stdio IO) error {
	t.Helper()
	members, err := f.members()
	if err != nil {
		t.Fatal(err)
	}
	return f.run(t.Context(), stdio, members)
}

// theNight is the only night of a history.
func theNight(t *testing.T, dir string) v1.Night {
	t.Helper()
	nights, damaged, err := reports.ReadHistory(dir)
	if err != nil || len(damaged) > 0 || len(nights) != 1 {
		t.Fatalf("%d nights, %v, %v", len(nights), damaged, err)
	}
	return nights[0]
}

func verdicts(n *v1.Night) (out []string) {
	for _, r := range n.Runs {
		out = append(out, r.Experiment+" "+string(r.Verdict))
	}
	return out
}

// A night has what all experiments found, and a trend beside their results.
func TestNightly(t *testing.T) {
	f, stdio, out, _ := acted(t, func(experiment, out string) (int, string, error) { playWell(t, experiment, out); return 0, "", nil })
	if err := runNight(t, &f, stdio); err != nil {
		t.Fatal(err)
	}
	n := theNight(t, f.history)
	if diff := cmp.Diff([]string{"conformance pass", "chaos-smoke pass", "scale pass"}, verdicts(&n)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	names := map[string]bool{}
	for i := range n.Metrics {
		names[n.Metrics[i].Name] = true
	}
	if len(n.Metrics) < 50 || !names["netassay_nightly_memory_bytes"] || !names["netassay_nightly_cells"] || !names["netassay_nightly_duration_seconds"] {
		t.Errorf("%d figures: %v", len(n.Metrics), names)
	}
	if !strings.Contains(n.Runs[0].Load, "families IPv4") || !strings.Contains(n.Runs[2].Load, "nodes=") {
		t.Errorf("loads are %q and %q", n.Runs[0].Load, n.Runs[2].Load)
	}
	text, err := os.ReadFile(filepath.Join(f.out, "trend.txt"))
	if err != nil || !strings.Contains(out.String(), string(text)) || !strings.HasPrefix(string(text), "1 night, ") {
		t.Errorf("%v\n%s", err, text)
	}
	for _, name := range []string{"trend.md", "trend.html"} {
		if _, err := os.Stat(filepath.Join(f.out, name)); err != nil {
			t.Error(err)
		}
	}
}

// One experiment that fails takes no other along, and the exit code tells what was worst.
func TestNightlyGoesOn(t *testing.T) {
	for _, tc := range []struct {
		name string
		does func(out string) (int, string, error)
		want v1.NightRun
		code int
	}{
		{"could not be done", func(string) (int, string, error) { return 2, "no iptables", nil }, v1.NightRun{Verdict: v1.VerdictVoid, Trouble: "exit code 2: no iptables it did not come to its end"}, exitBroken},
		{"could not be started", func(string) (int, string, error) { return 0, "", errors.New("no program\nat all") }, v1.NightRun{Verdict: v1.VerdictVoid, Trouble: "no program at all it did not come to its end"}, exitBroken},
		{"failed", func(out string) (int, string, error) {
			dir, err := reports.Open(out, nil)
			if err == nil {
				err = dir.Chaos(&v1.ChaosRun{}, &v1.ChaosSummary{Verdict: v1.VerdictFail, Reasons: []string{"2 packets leaked"}})
			}
			return 1, "", err
		}, v1.NightRun{Verdict: v1.VerdictFail, Reasons: []string{"2 packets leaked"}}, exitFail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, stdio, _, errs := acted(t, func(experiment, out string) (int, string, error) {
				if experiment == "chaos" {
					return tc.does(out)
				}
				playWell(t, experiment, out)
				return 0, "", nil
			})
			err := runNight(t, &f, stdio)
			var code codeError
			if !errors.As(err, &code) || int(code) != tc.code {
				t.Errorf("%v, want exit code %d\n%s", err, tc.code, errs)
			}
			n := theNight(t, f.history)
			got := v1.NightRun{Verdict: n.Runs[1].Verdict, Trouble: n.Runs[1].Trouble, Reasons: n.Runs[1].Reasons}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n.Runs[0].Verdict != v1.VerdictPass || n.Runs[2].Verdict != v1.VerdictPass {
				t.Errorf("the others: %v", verdicts(&n))
			}
		})
	}
}

// Nothing is added to the history by a night that was interrupted.
func TestNightlyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f, stdio, _, _ := acted(t, func(string, string) (int, string, error) { cancel(); return 130, "", nil })
	members, err := f.members()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.run(ctx, stdio, members); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(f.history); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the history is there: %v", err)
	}
}

func TestNightlyList(t *testing.T) {
	code, out, errs := run(t, "nightly", "--list", "--engine", "reference,none", "--parallel", "3")
	if code != 0 {
		t.Fatal(errs)
	}
	for _, want := range []string{
		"netassay conformance --parallel 3 --engine reference --out OUT/conformance-reference\n",
		"netassay conformance --parallel 3 --engine none --out OUT/conformance-none\n",
		"netassay chaos --edits 60 ", " --out OUT/chaos-smoke-reference\n", "--engine none --out OUT/scale-none\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "chaos-smoke-none") || strings.Count(out, "\n") != 5 {
		t.Errorf("chaos is for the reference enforcer only:\n%s", out)
	}
}

func TestNightlyRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		`--set has "chaos": give some of conformance, chaos-smoke, scale, standard`: {"--set", "chaos"},
		`--skip has "standard": give some of`:                                       {"--skip", "standard"},
		`nothing is left to run: --set scale --skip scale`:                          {"--set", "scale", "--skip", "scale"},
		`unknown engine "refrence": did you mean reference?`:                        {"--engine", "refrence"},
		`--engine is empty`:                             {"--engine", ""},
		`--parallel 0: at least one`:                    {"--parallel", "0"},
		`--history is empty`:                            {"--history", ""},
		`alpha 0: give a chance`:                        {"--alpha", "0"},
		`unexpected argument "x": netassay nightly`:     {"x"},
		`unknown flag --histry: did you mean --history`: {"--histry", "x"},
	} {
		if code, _, errs := run(t, append([]string{"nightly"}, args...)...); code != exitBroken || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: exit code %d, %s", args, code, errs)
		}
	}
}

// The smoke runs of a night are those of make.
func TestNightlyRunsWhatMakeRuns(t *testing.T) {
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(strings.ReplaceAll(string(text), "\\\n", ""))
	for _, args := range []string{"netassay chaos " + chaosSmoke + " $(ARGS)", "netassay scale " + scaleSmoke + " $(ARGS)"} {
		want := strings.Fields(args)
		found := false
		for i := range words {
			found = found || strings.HasSuffix(words[i], want[0]) && i+len(want) <= len(words) && slices.Equal(words[i+1:i+len(want)], want[1:])
		}
		if !found {
			t.Errorf("the Makefile does not run %s", args)
		}
	}
}

func TestScaleFitsTheMachine(t *testing.T) {
	for _, tc := range []struct {
		cpus   int
		memory int64
		want   string
	}{{2, 16 << 30, scaleSmoke}, {4, 8 << 30, scaleSmoke}, {4, 16 << 30, scaleQuarter}, {16, 64 << 30, scaleWhole}} {
		if got := scaleOn(tc.cpus, tc.memory); got != tc.want {
			t.Errorf("%d processors, %d bytes: %s", tc.cpus, tc.memory, got)
		}
		// And the flags are those of the command.
		c := newScale(IO{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
		if err := c.ParseFlags(strings.Fields(tc.want)); err != nil {
			t.Errorf("%s: %v", tc.want, err)
		}
	}
}
