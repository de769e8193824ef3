package v1

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// MigrationRun is a change of engine under watch: its conditions, what was done, and for how
// long what was open or cut off on which node.
type MigrationRun struct {
	MigrationConditions
	Phases    []Phase    `json:"phases,omitempty"`
	Events    []Fault    `json:"events,omitempty"`
	Watches   []Watch    `json:"watches,omitempty"`
	Exposures []Exposure `json:"exposures,omitempty"`
	Leftovers []Leftover `json:"leftovers,omitempty"`
	Watched   Watched    `json:"watched"`
	Notes     []string   `json:"notes,omitempty"`
}

// MigrationConditions are what a change of engine is watched under.
type MigrationConditions struct {
	Schema string `json:"schema"`
	ID     string `json:"id"`
	Tool   string `json:"tool"` // version of netassay
	// Command is what was typed to make the run, empty where nothing was, as under go test.
	Command []string `json:"command,omitempty"`
	Cluster string   `json:"cluster"`
	Kernel  string   `json:"kernel,omitempty"`
	// From and To are the engines; both are "" where somebody else changes them.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Rolling is one node after the other, Purged what the old engine left taken away.
	Rolling  bool      `json:"rolling,omitempty"`
	Purged   bool      `json:"purged,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Origin is Started by CLOCK_MONOTONIC, as in events and exposures.
	Origin time.Duration `json:"origin_ns"`
	// Trouble is why the run ended early; what was seen until then stands.
	Trouble string `json:"trouble,omitempty"`
}

// Watch is what some flows have in common: the node of the pod that a policy selects, the
// policy, and where the other end is. Policy is "" of flows that no policy is about.
type Watch struct {
	Node   string `json:"node"`
	Policy string `json:"policy"`
	Place  string `json:"place"` // "same-node" or "cross-node"
	Flows  int    `json:"flows"`
}

// Exposure is a stretch of time in which the packets of some flow of a watch went wrong.
type Exposure struct {
	Node   string        `json:"node"`
	Policy string        `json:"policy"`
	Place  string        `json:"place"`
	Flow   string        `json:"flow"`
	What   string        `json:"what"` // "leaked" or "lost"
	Phase  string        `json:"phase"`
	Count  uint64        `json:"count"` // packets or connections
	From   time.Duration `json:"from_ns"`
	To     time.Duration `json:"to_ns"`
}

// Leftover is what an engine that was taken away has left, of one kind: on a node, or in the API.
type Leftover struct {
	Engine string   `json:"engine"`
	Node   string   `json:"node"`  // "" in the API
	Kind   string   `json:"kind"`  // "chain", "set" or "link"; "API resource", "held object" or "unanswered API group"
	Count  int      `json:"count"` // of names
	Names  []string `json:"names"` // the first of them
}

// Watched is how much was seen in all.
type Watched struct {
	Tally
	Seconds float64 `json:"seconds"`
}

// Add takes conditions, phases, events, what was watched and seen, and the verdict.
func (r *MigrationRun) Add(record Record) error {
	switch v := record.(type) {
	case *MigrationConditions:
		r.MigrationConditions = *v
	case *Phase:
		r.Phases = append(r.Phases, *v)
	case *Fault:
		r.Events = append(r.Events, *v)
	case *Watch:
		r.Watches = append(r.Watches, *v)
	case *Exposure:
		r.Exposures = append(r.Exposures, *v)
	case *Leftover:
		r.Leftovers = append(r.Leftovers, *v)
	case *Watched:
		r.Watched = *v
	case *Note:
		r.Notes = append(r.Notes, v.Text)
	case *Conclusion:
	default:
		return misplaced(record, KindMigration)
	}
	return nil
}

// MigrationSummary is summary.json of a change of engine.
type MigrationSummary struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons"`
	From    string   `json:"from,omitempty"`
	To      string   `json:"to,omitempty"`
	// LeakSeconds and OutageSeconds are how long anything at all was open, or cut off.
	LeakSeconds   float64 `json:"leak_seconds"`
	OutageSeconds float64 `json:"outage_seconds"`
	Leaked        uint64  `json:"leaked"` // packets and new connections
	Lost          uint64  `json:"lost"`
	// Verdicts are packets and connections of which it is known what became of them.
	Verdicts          uint64         `json:"verdicts"`
	VerdictsPerSecond float64        `json:"verdicts_per_second"`
	Seconds           float64        `json:"seconds"`
	Rows              []MigrationRow `json:"rows"`
}

// MigrationRow is what became of the flows of one watch.
type MigrationRow struct {
	Watch
	LeakSeconds   float64 `json:"leak_seconds"`
	OutageSeconds float64 `json:"outage_seconds"`
	// LeakFrom and LeakTo are the first and the last instant of a leak in seconds since the run
	// started, OutageFrom and OutageTo the same of losses; null where there was none.
	LeakFrom   *float64 `json:"leak_from"`
	LeakTo     *float64 `json:"leak_to"`
	OutageFrom *float64 `json:"outage_from"`
	OutageTo   *float64 `json:"outage_to"`
}

// What exposures say.
const (
	Leaked = "leaked"
	Lost   = "lost"
)

// Summary adds up what was seen; verdict and reasons are those of whoever judged it.
func (r *MigrationRun) Summary(verdict Verdict, reasons []string) MigrationSummary {
	t := r.Watched.Tally
	all := t.UDP
	all.Add(t.TCP)
	s := MigrationSummary{
		Verdict: verdict, Reasons: append([]string{}, reasons...), From: r.From, To: r.To, Seconds: r.Watched.Seconds,
		Leaked: all.Leaked, Lost: all.Lost, Verdicts: all.MustDrop + all.MustPass,
		LeakSeconds: r.span(Leaked, nil).total(), OutageSeconds: r.span(Lost, nil).total(), Rows: []MigrationRow{},
	}
	if s.Seconds > 0 {
		s.VerdictsPerSecond = float64(s.Verdicts) / s.Seconds
	}
	for _, w := range r.Watches {
		leak, outage := r.span(Leaked, &w), r.span(Lost, &w)
		row := MigrationRow{Watch: w, LeakSeconds: leak.total(), OutageSeconds: outage.total()}
		row.LeakFrom, row.LeakTo = leak.ends(r.Origin)
		row.OutageFrom, row.OutageTo = outage.ends(r.Origin)
		s.Rows = append(s.Rows, row)
	}
	return s
}

// Where is in one line which flows a watch is about.
func (w Watch) Where() string {
	return fmt.Sprintf("%s, %s, %s", w.Node, cmp.Or(w.Policy, "no policy"), w.Place)
}

// stretches are times that don't overlap, in order.
type stretches [][2]time.Duration

// span is the union of exposures of a kind, of one watch or, with nil, of all.
func (r *MigrationRun) span(what string, w *Watch) stretches {
	var all stretches
	for i := range r.Exposures {
		e := &r.Exposures[i]
		if e.What == what && (w == nil || e.Node == w.Node && e.Policy == w.Policy && e.Place == w.Place) {
			all = append(all, [2]time.Duration{e.From, e.To})
		}
	}
	slices.SortFunc(all, func(a, b [2]time.Duration) int { return cmp.Compare(a[0], b[0]) })
	var out stretches
	for _, x := range all {
		if n := len(out); n > 0 && x[0] <= out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], x[1])
			continue
		}
		out = append(out, x)
	}
	return out
}

func (s stretches) total() float64 {
	var sum time.Duration
	for _, x := range s {
		sum += x[1] - x[0]
	}
	return sum.Seconds()
}

// ends are the first and the last instant, in seconds since origin.
func (s stretches) ends(origin time.Duration) (first, last *float64) {
	if len(s) == 0 {
		return nil, nil
	}
	return new((s[0][0] - origin).Seconds()), new((s[len(s)-1][1] - origin).Seconds())
}
