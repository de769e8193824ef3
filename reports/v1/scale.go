package v1

import "time"

// ScaleSchema names the version of a scale run's types in every file that carries them.
const ScaleSchema = "netassay.dev/reports/scale/v1"

// ScaleData is all that a scale run saw: its conditions and three lists of raw data. Every
// figure is computed from these, so that it can be checked, or computed otherwise, years later.
type ScaleData struct {
	Run      ScaleRun
	Samples  []Sample
	Readings []Reading
	Points   []Point
}

// ScaleRun is all of a scale run but the raw data: run.json.
type ScaleRun struct {
	ScaleConditions
	Engines []Engine `json:"engines,omitempty"` // in the order in which they took turns
	Turns   []Turn   `json:"turns,omitempty"`   // in order of time
	// Notes are troubles that make nothing void, one line each.
	Notes []string `json:"notes,omitempty"`
}

// ScaleConditions are what a scale run is made under.
type ScaleConditions struct {
	Schema string `json:"schema"`
	ID     string `json:"id"`
	Tool   string `json:"tool"` // version of netassay
	// Command is what was typed to make the run, empty where nothing was, as under go test.
	Command    []string    `json:"command,omitempty"`
	Cluster    string      `json:"cluster"`
	Kubernetes string      `json:"kubernetes"`
	Kernel     string      `json:"kernel"`
	CPUs       int         `json:"cpus"`
	Memory     int64       `json:"memory_bytes"`
	Profile    string      `json:"profile"`         // the line that reproduces the load
	Churn      string      `json:"churn,omitempty"` // and the changes
	Timing     ScaleTiming `json:"timing"`
	Started    time.Time   `json:"started"`
	Finished   time.Time   `json:"finished,omitzero"`
}

// ScaleTiming is how a scale run probed, in milliseconds.
type ScaleTiming struct {
	Period   float64 `json:"period_ms"`   // between packets of a stream: what can be resolved
	Hold     float64 `json:"hold_ms"`     // how long a verdict must stay right
	Deadline float64 `json:"deadline_ms"` // from the ack of a change until all must be right
}

// Engine is one engine under test.
type Engine struct {
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Lacks   []Lack  `json:"lacks,omitempty"`
	Limits  *Limits `json:"limits,omitempty"`
}

// Lack is a transition or feature that an engine declares unsupported, and why.
type Lack struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
}

// Limits are what an engine must keep to for the run to pass. What is nil is not asked.
type Limits struct {
	P99         map[string]float64 `json:"p99_ms,omitempty"` // by transition, from the ack
	LeakPackets *uint64            `json:"leak_packets,omitempty"`
	HWM         *float64           `json:"hwm_bytes,omitempty"`         // most that was ever resident
	Return      *float64           `json:"return,omitempty"`            // of memory after delete, to baseline: 1.1
	Slope       bool               `json:"slope,omitempty"`             // memory must not grow from cycle to cycle
	CPUShare    *float64           `json:"cpu_share_percent,omitempty"` // of one core, under pod churn
}

// Turn is one repeat of one engine.
type Turn struct {
	Engine  string    `json:"engine"`
	Repeat  int       `json:"repeat"`
	Started time.Time `json:"started"`
	// Void are the reasons for which nothing of this turn counts: a null engine that
	// was not convicted, a prober that was late, a host under pressure.
	Void []string `json:"void,omitempty"`
}

// The transitions of the table, in its order. Others may be measured; they come after.
const (
	PolicyCreate = "policy-create" // allowed pairs become denied by a new policy
	IPBlockEdit  = "ipblock-edit"  // an edit of ipBlocks, either way
	Revoke       = "revoke"        // an allow is taken out of a policy
	LabelChange  = "label-change"  // a pod's or namespace's label, either way
	PodCreate    = "pod-create"    // from the first packet possible to right
	PolicyDelete = "policy-delete" // denied pairs become allowed
	// Floor is a verdict flipped without an engine: what the method itself takes.
	Floor = "floor"
)

// Sample is one pair of pods in one change. Times are in
// milliseconds on the harness's monotonic clock, from the start of the turn.
type Sample struct {
	Engine     string `json:"engine"`
	Repeat     int    `json:"repeat"`
	Transition string `json:"transition"`
	Change     int    `json:"change"` // numbers the changes of a turn and transition
	Pair       string `json:"pair,omitempty"`
	Family     string `json:"family,omitempty"`
	Want       string `json:"want"` // "allow" or "deny", after the change

	Due    float64  `json:"due_ms"`              // when the change was to be made
	Call   float64  `json:"call_ms"`             // when the write left
	Ack    float64  `json:"ack_ms"`              // when its answer was there
	Seen   *float64 `json:"seen_ms,omitempty"`   // when the engine's watch delivered it, if it tells
	Commit *float64 `json:"commit_ms,omitempty"` // when its last kernel call returned, if it tells
	First  *float64 `json:"first_ms"`            // first right verdict
	// Stable is the first verdict that stayed right for the hold. null is censored: it
	// did not become right before the deadline.
	Stable *float64 `json:"stable_ms"`

	Leaked uint64  `json:"leaked_packets"`
	Lost   uint64  `json:"lost_packets"`
	Leak   float64 `json:"leak_ms"`   // wrong time: passed, should be denied
	Outage float64 `json:"outage_ms"` // wrong time: denied, should pass
	// Void says why the sample does not count: the verdict was as wanted before the
	// change, or could not be seen.
	Void string `json:"void,omitempty"`
}

// Void takes all samples of a transition in a turn for void, because too many of them were.
type Void struct {
	Engine     string `json:"engine"`
	Repeat     int    `json:"repeat"`
	Transition string `json:"transition"`
	Reason     string `json:"reason"`
}

// The phases of a turn.
const (
	PhaseBaseline  = "baseline"   // engine ready, no policies
	PhaseLoaded    = "loaded"     // the load is there, nothing changes
	PhaseChurn     = "churn"      // while it changes; the largest reading counts
	PhaseDeleted   = "deleted"    // all policies gone again
	PhaseColdStart = "cold-start" // a new process on the loaded cluster, from its start until it is at rest
	PhasePodChurn  = "pod-churn"  // from there on, while pods come and go
	PhaseCycle     = "cycle"      // after one cycle of load and delete, numbered
)

// Phases are the columns of the memory table.
func Phases() []string { return append(ComparedPhases(), PhaseColdStart, PhasePodChurn) }

// ComparedPhases are those whose readings are compared between runs. What a new process and
// pod churn cost is not the cost of the changes that are compared.
func ComparedPhases() []string {
	return []string{PhaseBaseline, PhaseLoaded, PhaseChurn, PhaseDeleted}
}

// The readings that limits and comparisons know.
const (
	RSS          = "rss"
	HWM          = "hwm"
	CPUPerChange = "cpu-per-change"
	UnitBytes    = "B"
	UnitCPU      = "cpu-ms/change"

	// Of pod churn: the processor time of an agent and its tools in percent of one core, the
	// events per second that the API server took, and those that it was given.
	CPUShare     = "cpu-share"
	UnitPercent  = "%"
	Events       = "events"
	EventsWanted = "events-wanted"
	UnitRate     = "1/s"
)

// Reading is one number about an engine's cost.
type Reading struct {
	Engine string  `json:"engine"`
	Repeat int     `json:"repeat"`
	Phase  string  `json:"phase"`
	Cycle  int     `json:"cycle,omitempty"`
	Name   string  `json:"name"` // "rss", "pss", "hwm", "go-heap", "cgroup-peak", "ipset", "rules", …
	Unit   string  `json:"unit"`
	Value  float64 `json:"value"`
}

// Point is a cost at one size.
type Point struct {
	Engine   string  `json:"engine"`
	Nodes    int     `json:"nodes"`
	Pods     int     `json:"pods"`
	Policies int     `json:"policies"`
	CIDRs    int     `json:"cidrs"` // in all policies together
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	Value    float64 `json:"value"`
}
