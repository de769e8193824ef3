package v1

import (
	"fmt"
	"time"
)

// Schema names the version of these types in every file that carries them.
const Schema = "netassay.dev/reports/v1"

// Run is one run of the suite: its conditions and everything that it found.
type Run struct {
	RunConditions
	// Notes are troubles that belong to no case, one line each.
	Notes []string `json:"notes,omitempty"`
	Cases []Case   `json:"cases,omitempty"`
	// Sentinel is nil when there was none.
	Sentinel *Sentinel `json:"sentinel,omitempty"`
}

// RunConditions are what a run of the suite is made under.
type RunConditions struct {
	Schema  string `json:"schema"`
	ID      string `json:"id"`
	Tool    string `json:"tool"` // version of netassay
	Cluster string `json:"cluster"`
	Engine  string `json:"engine"`
	// Command is what was typed to make the run, empty where nothing was, as under go test.
	Command []string `json:"command,omitempty"`
	// EngineVersion is empty when the engine is of the same version as the tool.
	EngineVersion string `json:"engine_version,omitempty"`
	// Lacks is what the engine declares that it lacks and that was therefore not judged,
	// with the reasons, one line each.
	Lacks      []string  `json:"lacks,omitempty"`
	Kubernetes string    `json:"kubernetes"` // gitVersion of the API server
	Kernel     string    `json:"kernel"`
	Nodes      int       `json:"nodes"`
	Families   []string  `json:"families"`        // that were judged, primary first
	Seed       uint64    `json:"seed"`            // of the order of the cases
	Order      []string  `json:"order,omitempty"` // of the cases that were to run
	Parallel   int       `json:"parallel"`        // fixture sets that worked at once
	Paths      string    `json:"paths,omitempty"` // beside those of the cases: pairwise, all, or case for none
	Timing     Timing    `json:"timing"`
	Resumed    []Part    `json:"resumed,omitempty"` // earlier runs whose cases it has taken over
	Started    time.Time `json:"started"`
	Finished   time.Time `json:"finished,omitzero"`
	// LabReady is the time from the start of the cluster to ready pods, in seconds; nil
	// when the cluster was there before the run.
	LabReady *float64 `json:"lab_ready_seconds"`
	// ImageSeconds is how long the images of a cluster of containers took, ClusterSeconds
	// how long it took from its first container until its nodes were ready; nil elsewhere.
	ImageSeconds   *float64 `json:"image_seconds"`
	ClusterSeconds *float64 `json:"cluster_seconds"`
}

// Part is an earlier run that did not come to its end.
type Part struct {
	ID    string `json:"id"`
	Cases int    `json:"cases"` // that were judged in it
}

// Timing is how the run probed: the conditions of each of its figures. All in milliseconds.
type Timing struct {
	Timeout    float64 `json:"timeout_ms"`     // of a probe
	Silence    float64 `json:"silence_ms"`     // of a probe that should go unanswered
	Hold       float64 `json:"hold_ms"`        // how long a verdict must stay right
	Deadline   float64 `json:"deadline_ms"`    // from the ack of a step until all must be right
	RoundEvery float64 `json:"round_every_ms"` // least time between rounds over all cells
	FastEvery  float64 `json:"fast_every_ms"`  // least time between rounds over changing cells
}

// Case is one case of the suite and its outcome.
type Case struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Spec       string   `json:"spec,omitempty"`
	Features   []string `json:"features,omitempty"`
	Outcome    Outcome  `json:"outcome"`
	Reason     string   `json:"reason,omitempty"`
	FixtureSet string   `json:"fixture_set,omitempty"`
	Seconds    float64  `json:"seconds"`
	Steps      []Step   `json:"steps,omitempty"`
}

// Step is one change to the cluster and the cells that were judged after it. "baseline"
// and "restore" are the steps before the first and after the last; they are listed only
// when something was wrong in them.
type Step struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	// At is the first write by the clock on the wall, of a baseline the first probe; zero of a
	// step that was not begun, and before 2026-11-29.
	At     time.Time `json:"at,omitzero"`
	AckMS  float64   `json:"ack_ms"` // from the first write to the answer of the last
	Millis float64   `json:"ms"`     // the whole step
	Rounds int       `json:"rounds"` // rounds of probes over all cells
	Probes int       `json:"probes"` // packets' worth: single probes, controls included
	// LateMS is by how much probes were sent late at most.
	LateMS float64 `json:"late_ms,omitempty"`
	// Starved is how many times longer the harness took for want of a processor, until the
	// deadline or the end of the step before it, when that makes an engine's lateness and its
	// silences doubtful.
	Starved float64 `json:"starved,omitempty"`
	// Policies are some of those in force that selected an end of a wrong cell, as YAML, the end of
	// a long one cut off; only of a step that failed.
	Policies []string `json:"policies,omitempty"`
	Cells    []Cell   `json:"cells,omitempty"`
}

// Probe is what was sent, as "80/TCP" or "80/TCP/options".
func (c *Cell) Probe() string {
	probe := fmt.Sprintf("%d/%s", c.Port, c.Protocol)
	if c.Form != "" {
		probe += "/" + c.Form
	}
	return probe
}

// InWords is the flow of the cell, as "x/a → y/b 80/TCP IPv4 by pod".
func (c *Cell) InWords() string {
	s := fmt.Sprintf("%s → %s %s %s by %s", c.Client, c.Server, c.Probe(), c.Family, c.Path)
	if c.Flow != "" {
		s = c.Flow + ": " + s
	}
	if c.Payload > 0 {
		s += fmt.Sprintf(", %d bytes", c.Payload)
	}
	return s
}

// Cell is one flow in one step of a case.
type Cell struct {
	Case     string `json:"case"`
	Step     string `json:"step"`
	Client   string `json:"client"` // logical, e.g. "x/a"
	Server   string `json:"server"`
	Path     string `json:"path"`           // "pod" or "service"
	Family   string `json:"family"`         // "IPv4" or "IPv6"
	Flow     string `json:"flow,omitempty"` // the name of a long-lived flow: Allow is to keep it, Deny to cut it
	Protocol string `json:"protocol"`
	Port     uint16 `json:"port"`              // 0 of ICMP
	Payload  uint16 `json:"payload,omitempty"` // bytes, where a case says how many
	Form     string `json:"form,omitempty"`    // of packets that no program sends, as case files call it
	Want     string `json:"want"`              // Allow, Deny or Undefined
	Seen     string `json:"seen"`              // the last conclusive observation
	Evidence string `json:"evidence,omitempty"`
	// Asked says that a line of the case asks to observe the cell. Observed is what became of
	// one that is Undefined: allow, deny, mixed, or nothing when nothing was proved.
	Asked    bool        `json:"asked,omitempty"`
	Observed string      `json:"observed,omitempty"`
	Outcome  Outcome     `json:"outcome"`
	Kind     FailureKind `json:"kind,omitempty"`    // of a failure
	Reason   string      `json:"reason,omitempty"`  // why the outcome is what it is
	Because  string      `json:"because,omitempty"` // why the oracle wants it
	// Arrived is the source address that the server saw last, where it is not the client's own: a
	// Service has rewritten it.
	Arrived string `json:"arrived,omitempty"`
	// Addresses are those of both ends of a cell that did not pass, as "10.0.1.2 -> 10.0.2.3": of
	// the server itself, also by a Service.
	Addresses string `json:"addresses,omitempty"`
	// Explained is what the engine itself said of a wrong cell while it was wrong, a line for each
	// end: of some cells only, and of engines that can be asked.
	Explained []string `json:"explained,omitempty"`
	// Changed says that the step changed what is wanted of this cell. Only such cells
	// have convergence times, counted from the ack of the step, in milliseconds.
	Changed    bool     `json:"changed"`
	FirstRight *float64 `json:"t_first_right"`
	Stable     *float64 `json:"t_stable"`
	// Resolution is the time between the last wrong probe and the stable right one, in
	// milliseconds: how sharp t_stable is. nil when no probe after the ack was wrong.
	Resolution *float64 `json:"resolution_ms"`
	Flips      int      `json:"flips"`
	Probes     int      `json:"probes"` // conclusive observations
	// Course is every observation that counts, in the order in which they were sent: from the ack
	// of the step for a cell that changes, from the first write for one that doesn't, and until
	// the step's end. Those in a row that show the same are one word: how many, whether they were
	// right (+), wrong (-) or prove nothing (?), what was seen (connected, dropped, refused,
	// unreachable, inconclusive, by first letter), and when the first and the last were sent, in
	// whole ms from the ack, as in "7-c@0..38 30+d@45..1200".
	Course string `json:"course,omitempty"`
}
