package v1

import (
	"math"
	"slices"
)

// Sentinel is what was seen of flows whose verdict nothing was to change, from before the
// first case of a run until after the last.
type Sentinel struct {
	Outcome    Outcome     `json:"outcome"`
	Kind       FailureKind `json:"kind,omitempty"` // of a failure
	Reason     string      `json:"reason,omitempty"`
	Notes      []string    `json:"notes,omitempty"` // what was odd, and decides nothing
	Flows      int         `json:"flows"`           // those of the floor are not among them
	Seconds    float64     `json:"seconds"`         // for which they were watched
	IntervalMS float64     `json:"interval_ms"`     // between packets of each flow
	Tally                  // of the flows that the policy decides
	Floor      NoiseFloor  `json:"floor"`
	// Findings are some hundreds at most: the tally has them all.
	Findings []Finding `json:"findings,omitempty"`
}

// NoiseFloor is what is lost, and how late, between pods that no policy selects: what the machine
// and the network do without an engine's help.
type NoiseFloor struct {
	Sent        uint64 `json:"sent"` // packets
	Lost        uint64 `json:"lost"`
	Overflow    uint64 `json:"overflow"`    // lost, but perhaps in the receiver's own socket
	Connections uint64 `json:"connections"` // new ones
	Failed      uint64 `json:"failed"`      // of these
	// How long connections took that were made, in milliseconds.
	DelayP50 *float64 `json:"delay_p50_ms"`
	DelayP99 *float64 `json:"delay_p99_ms"`
	DelayMax *float64 `json:"delay_max_ms"`
}

// Activity is a step of a case that was at work when something was found.
type Activity struct {
	Case string `json:"case"`
	Step string `json:"step"`
	// Actions are the step's, as reports show them, with commas; empty in a step without any.
	Actions string `json:"actions,omitempty"`
}

// Carried is what a run that goes on with another takes over of its sentinels: that they
// failed, and what they found. It is nil when they did not fail.
func (s *Sentinel) Carried() *Sentinel {
	leaked := func(f Finding) bool { return f.What == "leaked" }
	switch {
	case s == nil:
	case s.Outcome == Fail:
		return &Sentinel{Outcome: Fail, Kind: s.Kind, Reason: "before the run was resumed: " + s.Reason, Findings: slices.Clone(s.Findings)}
	case slices.ContainsFunc(s.Findings, leaked): // it was killed
		return &Sentinel{Outcome: Fail, Kind: Leak, Reason: "what a policy denied leaked before the run was resumed", Findings: slices.Clone(s.Findings)}
	}
	return nil
}

// sentinel is the run's, made when there is none.
func (r *Run) sentinel() *Sentinel {
	if r.Sentinel == nil {
		r.Sentinel = &Sentinel{}
	}
	return r.Sentinel
}

// Detectable is the least share of n independent trials that had to have gone wrong for at
// least one to be seen with 95 % certainty; nil without a trial.
func Detectable(n uint64) *float64 {
	if n == 0 {
		return nil
	}
	rate := 1 - math.Pow(0.05, 1/float64(n))
	return &rate
}
