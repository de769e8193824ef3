package account

import (
	"fmt"
	"time"

	"github.com/netassay/netassay/probe"
)

// Duty is what has to become of a flow's packets, in every state of the policies.
type Duty string

// The duties. A Flipping flow's verdict is changed on purpose: it gives times, no counts.
const (
	MustDrop Duty = "must-drop"
	MustPass Duty = "must-pass"
	Flipping Duty = "flipping"
)

// Flow is one client, server and family.
type Flow struct {
	Duty           Duty
	Client, Server string
	Family         string // "IPv4" or "IPv6"
	Place          string // "same-node" or "cross-node"
}

// String is the flow in one line of evidence.
func (f Flow) String() string {
	return fmt.Sprintf("%s → %s %s %s", f.Client, f.Server, f.Family, f.Place)
}

// Segment is one stretch of a phase in which all streams ran.
type Segment struct {
	Backend string
	Phase   string
	// Drift says that somebody else destroyed rules in it: what got through or was lost
	// then is counted apart, as it shows the repair and not the enforcer's own doing.
	Drift   bool
	Streams []Stream
}

// Stream is one flow's one-way UDP stream in a segment.
type Stream struct {
	Flow   Flow
	Report probe.StreamReport
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
