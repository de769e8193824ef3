package run

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines/flawed"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/summary"
)

// TestBlame: what is wrong is of the change before it, of several flows of a kind the longest
// counts, and where a receiver may have lost packets itself, or a sender was silent, nothing is known.
func TestBlame(t *testing.T) {
	changes := []edit{{v1.EditUpdate, at(100), at(110)}, {v1.EditDelete, at(500), at(505)}}
	denied := streamOf([2]int{50, 60}, [2]int{200, 230}, [2]int{495, 505}, [2]int{700, 705})
	denied.Stream.Blocked = true
	short := streamOf([2]int{210, 215})
	short.Stream.Blocked = true
	lossy := streamOf([2]int{0, 600}, [2]int{603, 1000})
	lossy.Lost = 3
	old := lossy
	old.Overflow = 2
	short.Sender.Outages = []wire.Outage{{From: at(800), To: at(850), Count: 50}}
	samples := blame(4, changes, []flows.Watched{
		{Report: denied}, {Report: short}, {Report: lossy}, {Flow: flows.Flow{Established: true}, Report: old},
	}, at(40))
	type line struct {
		Transition, Pair, Want string
		Packets                uint64
		Wrong                  float64
		Void                   bool
	}
	var got []line
	for _, all := range samples {
		for _, s := range all {
			got = append(got, line{s.Transition, s.Pair, s.Want, s.Leaked + s.Lost, s.Leak + s.Outage, s.Void != ""})
		}
	}
	want := []line{
		{"blocks-4-edit", v1.EditDenied, "deny", 40, 35, false},
		{"blocks-4-edit", v1.EditAllowed, "allow", 0, 0, false},
		{"blocks-4-edit", v1.EditEstablished, "allow", 0, 0, true},
		{"blocks-4-delete", v1.EditDenied, "deny", 10, 10, true},
		{"blocks-4-delete", v1.EditAllowed, "allow", 3, 3, false},
		{"blocks-4-delete", v1.EditEstablished, "allow", 3, 3, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	early := blame(4, []edit{{v1.EditUpdate, at(220), at(225)}}, []flows.Watched{{Report: denied}, {Report: lossy}}, at(40))[0]
	if early[0].Void == "" || early[1].Void != "" {
		t.Errorf("open before the change: void for %q, and what was right then for %q", early[0].Void, early[1].Void)
	}
	if blocks, change, ok := v1.ParseEdit(got[3].Transition); blocks != 4 || change != v1.EditDelete || !ok {
		t.Errorf("%s is read as %d, %q, %t", got[3].Transition, blocks, change, ok)
	}
}

// TestCheckOfEdits: each wrong value gets a line that names its flag.
func TestCheckOfEdits(t *testing.T) {
	for flag, change := range map[string]func(*Edits){
		"--blocks 0":     func(e *Edits) { e.Blocks = []int{4, 0} },
		"--blocks is":    func(e *Edits) { e.Blocks = nil },
		"--edits 0":      func(e *Edits) { e.N = 0 },
		"--deletions -1": func(e *Edits) { e.Deletions = -1 },
		"--pace 1ms":     func(e *Edits) { e.Pace = time.Millisecond },
		"--restarts -1":  func(e *Edits) { e.Restarts = -1 },
	} {
		e := Edits{Blocks: []int{4}, N: 1, Pace: time.Second}
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		change(&e)
		if err := e.Check(); err == nil || !strings.HasPrefix(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestEditsAreMeasured: the reference enforcer opens nothing while a policy of blocks is changed,
// and of an engine that opens everything for 300 ms at each change that is seen.
func TestEditsAreMeasured(t *testing.T) {
	const rounds = 4
	for name, tc := range map[string]struct {
		leak   time.Duration
		opened func(v1.Wronged) bool
	}{
		"reference": {0, func(w v1.Wronged) bool { return w.Changes == 0 }},
		"leaky":     {300 * time.Millisecond, func(w v1.Wronged) bool { return w.Changes > 0 && w.Longest > 100 }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := small(name, enforcer(t))
			if tc.leak > 0 {
				cfg.Engine = &flawed.Engine{Label: name, Inner: enforcer(t), Leak: tc.leak}
			}
			cfg.Edits = &Edits{Blocks: []int{3}, N: rounds, Deletions: rounds, Pace: 400 * time.Millisecond, Restarts: 1}
			var d v1.ScaleData
			r, err := Run(t.Context(), inLab(t, cfg))
			if err != nil {
				t.Fatal(err)
			}
			d.Run.Engines, d.Run.Turns, d.Samples = []v1.Engine{{Name: name}}, []v1.Turn{r.Turn}, r.Samples
			sum := summary.Of(&d).Engines[0]
			if len(sum.Void) > 0 || len(sum.Edits) != 4 {
				t.Fatalf("void for %v, rows %+v: want edit, delete, create and restart", sum.Void, sum.Edits)
			}
			for _, row := range sum.Edits[:3] {
				if row.Opened.N != rounds || row.Shut.N != rounds || row.Cut.N != rounds {
					t.Errorf("%s: %d, %d and %d changes count, want %d", row.Change, row.Opened.N, row.Shut.N, row.Cut.N, rounds)
				}
				if !tc.opened(row.Opened) {
					t.Errorf("%s: new connections were opened at %s, for %s: %+v", row.Change, row.Opened, row.Opened.Lasted(), wrong(r.Samples))
				}
			}
		})
	}
}

// wrong are the samples of packets that did not do as they must.
func wrong(all []v1.Sample) (out []v1.Sample) {
	for _, s := range all {
		if !right(s) {
			out = append(out, s)
		}
	}
	return out
}
