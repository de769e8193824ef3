package account

import (
	"time"

	"github.com/netassay/netassay/probe/flows"
)

// Segment is one stretch of a phase in which all streams ran. Of a blocked stream nothing
// may arrive, of another everything must, in every state of the policies.
type Segment struct {
	Backend string
	Phase   string
	// Drift says that somebody else destroyed rules in it: what got through or was lost
	// then is counted apart, as it shows the repair and not the enforcer's own doing.
	Drift   bool
	Streams []flows.Watched
}

// Finding is the evidence of packets that did not do their duty.
type Finding struct {
	Backend  string        `json:"backend"`
	Phase    string        `json:"phase"`
	Drift    bool          `json:"drift,omitempty"`
	Flow     string        `json:"flow"`
	Protocol string        `json:"protocol"`
	What     string        `json:"what"` // "leaked" or "lost"
	Count    uint64        `json:"count"`
	From     time.Duration `json:"from_ns"` // CLOCK_MONOTONIC, as in the list of faults
	To       time.Duration `json:"to_ns"`
}

// Fault is one thing that was done to the cluster, for the reader of findings.
type Fault struct {
	Backend string        `json:"backend"`
	Phase   string        `json:"phase"`
	What    string        `json:"what"`
	At      time.Duration `json:"at_ns"`
}
