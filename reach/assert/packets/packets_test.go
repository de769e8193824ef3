package packets_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/assert/files"
	"github.com/netassay/netassay/reach/assert/packets"
	"github.com/netassay/netassay/reach/manifests"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

func planOf(t *testing.T, path string) *assert.Plan {
	t.Helper()
	in, err := files.Read([]string{path}, manifests.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := assert.NewPlan(in.Inventory, in.Expectations)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// Every shape becomes a case that can be played, whose pins the oracle shares, and in which each
// flow is wanted as its expectation wants it.
func TestShapesBecomeCases(t *testing.T) {
	paths, err := filepath.Glob("../../../examples/assert/shapes/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			play, err := packets.New(planOf(t, path))
			if err != nil {
				t.Fatal(err)
			}
			fake := cases.NewFakeCluster(model.Dual.List()...)
			for i, s := range play.Case.Steps {
				if err := fake.Do(s.Do...); err != nil {
					t.Fatal(err)
				}
				for k, want := range play.Case.Wants(i, fake.Families()) {
					if d, ok := fake.Verdict(k); ok && want != model.Undefined && d.Verdict != want {
						t.Fatalf("step %s: %+v is pinned to %s, and %s: %s", s.Name, k, want, d.Verdict, d.Reason)
					}
				}
			}
			live := play.Read(perfect(&play.Case))
			if live.Verdict() != v1.VerdictPass || live.Flows == 0 {
				t.Errorf("of a run in which all is right it says: %s", live)
			}
			t.Logf("%d flows, %d are left", live.Flows, live.Left)
		})
	}
}

// perfect is a run of the case in which every cell is as it is wanted.
func perfect(c *cases.Case) *v1.Run {
	run := &v1.Run{Cases: []v1.Case{{Name: c.Name}}}
	for i, s := range c.Steps {
		step := v1.Step{Name: s.Name}
		for k, want := range c.Wants(i, model.Dual.List()) {
			step.Cells = append(step.Cells, v1.Cell{
				Client: k.Client, Server: k.Server, Family: string(k.Family), Protocol: string(k.Probe.Protocol), Port: k.Probe.Port,
				Want: string(want), Outcome: v1.Pass,
			})
		}
		run.Cases[0].Steps = append(run.Cases[0].Steps, step)
	}
	return run
}

const small = "../../../examples/assert/shapes/blue-green.yaml"

func TestWrongAndUnsureFlowsAreTold(t *testing.T) {
	play, err := packets.New(planOf(t, small))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		outcome v1.Outcome
		want    v1.Verdict
		text    string
	}{
		{v1.Fail, v1.VerdictFail, "8080/TCP IPv4: leak\n"},
		{v1.Inconclusive, v1.VerdictVoid, "of 1 more nothing was proved"},
		{v1.NotSupported, v1.VerdictPass, "1 were not played"},
	} {
		run := perfect(&play.Case)
		cells := run.Cases[0].Steps[1].Cells
		for i := range cells {
			if c := &cells[i]; c.Client == "shop/tester-0" && c.Server == "shop/web-blue-0" && c.Port == 8080 && c.Family == "IPv4" {
				c.Outcome, c.Reason = tc.outcome, "leak"
			}
		}
		if live := play.Read(run); live.Verdict() != tc.want || !strings.Contains(live.String(), tc.text) {
			t.Errorf("%s: %s, want %s with %q:\n%s", tc.outcome, live.Verdict(), tc.want, tc.text, live)
		}
	}
}

// What can't be played is refused in one line.
func TestTooMuchIsRefused(t *testing.T) {
	read := func(text string) *assert.Plan {
		inv, err := manifests.Parse("f", []byte(text), manifests.Options{})
		if err != nil {
			t.Fatal(err)
		}
		lines, err := assert.ParseLines("e.yaml", 1, "x", "world:8.8.8.8 -> x/* allow 80")
		if err != nil {
			t.Fatal(err)
		}
		plan, err := assert.NewPlan(inv, lines)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	_, err := packets.New(read("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\n"))
	if err == nil || !strings.Contains(err.Error(), "no flow can be played") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}
