package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

// TestEndedBeforeTheDeadline: what was not right, or not for long enough, when the harness
// stopped looking before the deadline is no verdict on the engine; at the deadline it is.
func TestEndedBeforeTheDeadline(t *testing.T) {
	for _, tc := range []struct {
		name string
		obs  []Observation
	}{
		{"right too short after a flip", []Observation{seen(0, Dropped), seen(300, Connected), seen(600, Dropped), seen(700, Dropped)}},
		{"wrong to the end", []Observation{seen(0, Connected), seen(600, Connected)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := Cell{Want: model.Deny, Before: model.Allow, Server: "x/a", Observations: tc.obs}
			w := window()
			w.Ended = w.Acked + w.Deadline - time.Millisecond
			if j := Judge(&c, w); j.Outcome != v1.Inconclusive || j.Kind != "" {
				t.Errorf("ended early: %s %s (%s), want Inconclusive", j.Outcome, j.Kind, j.Reason)
			}
			w.Ended = w.Acked + w.Deadline
			if j := Judge(&c, w); j.Outcome != v1.Fail || j.Kind != v1.Leak || strings.Contains(j.Reason, "only, must hold") {
				t.Errorf("ended at the deadline: %s %s (%s), want a leak", j.Outcome, j.Kind, j.Reason)
			}
		})
	}
}
