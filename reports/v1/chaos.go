package v1

import "time"

// ChaosRun is a chaos run: its conditions and what came to pass in it.
type ChaosRun struct {
	ChaosConditions
	Backends []Backend `json:"backends,omitempty"` // those that were begun
	Phases   []Phase   `json:"phases,omitempty"`
	Faults   []Fault   `json:"faults,omitempty"`
	Findings []Finding `json:"findings,omitempty"` // some hundreds at most: Tally has them all
}

// ChaosConditions are what a chaos run is made under.
type ChaosConditions struct {
	Schema string `json:"schema"`
	ID     string `json:"id"`
	Tool   string `json:"tool"` // version of netassay
	// Command is what was typed to make the run, empty where nothing was, as under go test.
	Command  []string  `json:"command,omitempty"`
	Cluster  string    `json:"cluster"`
	Kernel   string    `json:"kernel"`
	Seed     uint64    `json:"seed"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Origin is Started by CLOCK_MONOTONIC, as in faults and findings; 0 where it is not known.
	Origin time.Duration `json:"origin_ns,omitempty"`
	// Trouble is why the run ended early; what was seen until then stands.
	Trouble string `json:"trouble,omitempty"`
}

// Backend is what was done and seen on one iptables backend, complete up to the point at
// which it ended.
type Backend struct {
	Backend string `json:"backend"`
	Tally
	Done
	Repairs []float64 `json:"repair_ms"` // from each drift to the last packet that it made go wrong
	// BacklogDrops are packets that the machine's own receive queues had no room for: no
	// enforcer can be blamed for as many losses.
	BacklogDrops uint64  `json:"backlog_drops"`
	Seconds      float64 `json:"seconds"`
}

// Done counts what was done.
type Done struct {
	Edits      int `json:"edits"`
	Kills      int `json:"kills"`
	Terms      int `json:"terms"`
	Recreates  int `json:"recreates"`
	APIOutages int `json:"api_outages"`
	LockHolds  int `json:"lock_holds"`
	Drifts     int `json:"drifts"`
}

// Add adds what was done elsewhere.
func (d *Done) Add(o Done) {
	d.Edits += o.Edits
	d.Kills += o.Kills
	d.Terms += o.Terms
	d.Recreates += o.Recreates
	d.APIOutages += o.APIOutages
	d.LockHolds += o.LockHolds
	d.Drifts += o.Drifts
}

// Tally is how many packets and connections did their duty.
type Tally struct {
	UDP     Counts `json:"udp"`
	TCP     Counts `json:"tcp"`
	Drift   Counts `json:"drift"`   // both protocols, while somebody else destroyed rules
	Ticks   uint64 `json:"ticks"`   // that senders had
	Missed  uint64 `json:"missed"`  // of these, those without a packet
	Unasked uint64 `json:"unasked"` // receivers that could not be asked
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	t.UDP.Add(o.UDP)
	t.TCP.Add(o.TCP)
	t.Drift.Add(o.Drift)
	t.Ticks += o.Ticks
	t.Missed += o.Missed
	t.Unasked += o.Unasked
}

// Counts are packets (UDP) or connections (TCP).
type Counts struct {
	MustDrop uint64 `json:"must_drop"` // sent while a must-pass flow reached the same receiver
	Leaked   uint64 `json:"leaked"`
	MustPass uint64 `json:"must_pass"`
	Lost     uint64 `json:"lost"`
	// Unproven were sent and dropped while no must-pass packet reached that receiver: no
	// evidence of anything.
	Unproven uint64 `json:"unproven"`
	// Overflow were lost, but may have been lost in the receiver's own socket.
	Overflow uint64 `json:"overflow"`
	// Inconclusive are connections of which the prober can't say what became of them.
	Inconclusive uint64 `json:"inconclusive"`
}

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	c.MustDrop += o.MustDrop
	c.Leaked += o.Leaked
	c.MustPass += o.MustPass
	c.Lost += o.Lost
	c.Unproven += o.Unproven
	c.Overflow += o.Overflow
	c.Inconclusive += o.Inconclusive
}

// Phase is how long a phase of a run took.
type Phase struct {
	Backend string  `json:"backend"`
	Phase   string  `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// Fault is one thing that was done to the cluster, for the reader of findings.
type Fault struct {
	Backend string        `json:"backend"`
	Phase   string        `json:"phase"`
	What    string        `json:"what"`
	At      time.Duration `json:"at_ns"` // CLOCK_MONOTONIC, as in findings
}

// Finding is the evidence of packets that did not do their duty.
type Finding struct {
	Backend  string        `json:"backend,omitempty"` // of a chaos run
	Phase    string        `json:"phase"`
	Drift    bool          `json:"drift,omitempty"`
	Flow     string        `json:"flow"`
	Protocol string        `json:"protocol"`
	What     string        `json:"what"` // "leaked" or "lost"
	Count    uint64        `json:"count"`
	From     time.Duration `json:"from_ns"`
	To       time.Duration `json:"to_ns"`
	// At is From by the clock on the wall, and During the steps of cases that were at work then,
	// in a conformance run.
	At     time.Time  `json:"at,omitzero"`
	During []Activity `json:"during,omitempty"`
}

// ChaosSummary is summary.json of a chaos run. A figure without a sample is null.
type ChaosSummary struct {
	Verdict Verdict      `json:"verdict"`
	Reasons []string     `json:"reasons"`
	Figures ChaosFigures `json:"figures"`
	Seed    uint64       `json:"seed"`
	Seconds float64      `json:"seconds"`
}

// ChaosFigures are those of all backends together. Times are in
// milliseconds.
type ChaosFigures struct {
	MustDrop     uint64 `json:"must_drop"` // UDP packets
	Leaked       uint64 `json:"leaked"`    // UDP packets and TCP connections
	MustPass     uint64 `json:"must_pass"`
	Lost         uint64 `json:"lost"`
	Unproven     uint64 `json:"unproven"`
	Overflow     uint64 `json:"overflow"`
	TCPMustDrop  uint64 `json:"tcp_must_drop"`
	TCPMustPass  uint64 `json:"tcp_must_pass"`
	Inconclusive uint64 `json:"tcp_inconclusive"`
	Ticks        uint64 `json:"ticks"`
	MissedTicks  uint64 `json:"missed_ticks"`
	Done
	DriftLeaked  uint64   `json:"drift_leaked"`
	DriftLost    uint64   `json:"drift_lost"`
	RepairP50    *float64 `json:"repair_p50_ms"`
	RepairMax    *float64 `json:"repair_max_ms"`
	RepairN      int      `json:"repair_n"`
	BacklogDrops uint64   `json:"backlog_drops"`
}
