package status_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/reports/status"
	v1 "github.com/netassay/netassay/reports/v1"
)

var start = time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)

// at is the line so long after the start; what is wrong is in !, what is in doubt in ?.
func at(r *status.Run, since time.Duration) string {
	var b strings.Builder
	for _, p := range r.Line(start.Add(since)) {
		mark := map[v1.Outcome]string{v1.Fail: "!", v1.Inconclusive: "?"}[p.Tone]
		b.WriteString(mark + p.Text + mark)
	}
	return b.String()
}

func TestConformance(t *testing.T) {
	var r status.Run
	look := func(since time.Duration, want string) {
		t.Helper()
		if diff := cmp.Diff(want, at(&r, since)); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", since, diff)
		}
	}
	look(0, "")
	conditions := v1.RunConditions{Started: start, Order: []string{"a", "b", "c", "d", "e", "f", "g", "h"}}
	r.Record(&conditions)
	r.Record(&v1.Case{Name: "not to be played", Outcome: v1.Skipped})
	look(0, "0 of 8 cases · 0 s")
	for _, name := range []string{"a", "b", "c"} {
		r.Record(&v1.Case{Name: name, Outcome: v1.Pass})
	}
	r.Record(&v1.Case{Name: "d", Outcome: v1.Fail})
	for range 90 {
		r.Record(&v1.Cell{Outcome: v1.Pass})
	}
	r.Record(&v1.Cell{Outcome: v1.Fail})
	look(10*time.Second, "4 of 8 cases · !1 failed! · !1 wrong cell! · 9 cells/s · 10 s")
	r.Record(&v1.Case{Name: "e", Outcome: v1.Inconclusive})
	r.Record(&conditions) // more of them is known
	look(100*time.Second, "5 of 8 cases · !1 failed! · ?1 inconclusive? · !1 wrong cell! · 1 cells/s · 1m40s · 1m00s to go")
	r.Record(&v1.Conclusion{})
	look(time.Hour, "")
}

// What earlier runs have judged took none of this run's time.
func TestResumed(t *testing.T) {
	var r status.Run
	c := v1.RunConditions{Started: start, Resumed: []v1.Part{{Cases: 5}}}
	for i := range 20 {
		c.Order = append(c.Order, string(rune('a'+i)))
	}
	r.Record(&c)
	for _, name := range c.Order[:5] {
		r.Record(&v1.Case{Name: name, Outcome: v1.Pass})
	}
	if got, want := at(&r, 10*time.Second), "5 of 20 cases · 10 s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, name := range c.Order[5:10] {
		r.Record(&v1.Case{Name: name, Outcome: v1.Pass})
	}
	if got, want := at(&r, 50*time.Second), "10 of 20 cases · 50 s · 1m40s to go"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOtherExperiments(t *testing.T) {
	right := 7.0
	for _, tc := range []struct {
		name    string
		records []v1.Record
		want    string
	}{
		{"fuzz", []v1.Record{
			&v1.FuzzConditions{Started: start, Seconds: 600}, &v1.PlayedCase{Cells: 1000, Outcome: v1.Pass}, &v1.PlayedCase{Cells: 200, Outcome: v1.Fail}, &v1.FoundCase{},
		}, "2 cases · !1 failed! · !1 made small! · 20 cells/s · 1m00s, begun for 10m00s"},
		{"chaos", []v1.Record{
			&v1.ChaosConditions{Started: start}, &v1.Fault{Backend: "nft", Phase: "kills"}, &v1.Finding{Count: 3},
		}, "1 fault · !3 wrong packets! · nft, kills · 1m00s"},
		{"scale", []v1.Record{
			&v1.ScaleConditions{Started: start}, &v1.Sample{Engine: "reference", Transition: "revoke", Stable: &right, Leaked: 2},
			&v1.Sample{Engine: "reference", Transition: "revoke"}, &v1.Sample{Engine: "reference", Transition: "new-pod", Void: "blind"},
		}, "3 samples · !1 never right! · ?1 void? · !2 wrong packets! · reference, new-pod · 1m00s"},
		{"migration", []v1.Record{
			&v1.MigrationConditions{Started: start}, &v1.Fault{Phase: "stop a"}, &v1.Exposure{Count: 3},
		}, "!3 wrong packets! · stop a · 1m00s"},
		{"audit", []v1.Record{
			&v1.AuditConditions{Started: start}, &v1.AuditFlow{Outcome: v1.Pass}, &v1.AuditFlow{Outcome: v1.Fail},
		}, "2 flows · !1 wrong! · 1m00s"},
		{"check", []v1.Record{
			&v1.CheckConditions{Started: start}, &v1.CheckStep{OK: true}, &v1.CheckStep{},
		}, "2 steps · !1 not as the page says! · 1m00s"},
	} {
		var r status.Run
		for _, record := range tc.records {
			r.Record(record)
		}
		if diff := cmp.Diff(tc.want, at(&r, time.Minute)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}
