package run

import (
	"fmt"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/measure"
)

// Result is what one run of one engine saw, complete up to the point at which it ended.
type Result struct {
	Engine      string   `json:"engine"`
	Repeat      int      `json:"repeat"`
	Finished    bool     `json:"finished"`
	Verdict     string   `json:"verdict"`
	Reasons     []string `json:"reasons"` // for the verdict, when it is not pass
	Notes       []string `json:"notes"`
	Profile     string   `json:"profile"`
	Families    []string `json:"families"`
	Unsupported []string `json:"unsupported,omitempty"`
	IntervalMS  float64  `json:"interval_ms"` // between packets: the resolution
	DeadlineMS  float64  `json:"deadline_ms"`
	CIDRs       int      `json:"cidrs"`
	PolicyBytes int      `json:"ipblock_policy_bytes"`
	Wanted      int      `json:"samples_wanted"` // of each kind

	Controls        Controls      `json:"controls"`
	PopulateSeconds float64       `json:"populate_seconds"`
	Seconds         float64       `json:"seconds"`
	Phases          []PhaseTime   `json:"phases"`
	Starts          []Start       `json:"starts"`
	Costs           []Cost        `json:"costs"`
	CPU             []PhaseCPU    `json:"cpu"`
	Bystanders      []Bystanders  `json:"bystanders"`
	NewPods         []NewPod      `json:"new_pods"`
	States          []State       `json:"states"`
	Churns          []Churned     `json:"churns"`
	Cycles          []Cycle       `json:"cycles"`
	Slope           *Slope        `json:"slope"`
	Ticks           uint64        `json:"ticks"`
	Missed          uint64        `json:"ticks_missed"`
	Pressure        measure.Share `json:"host"`
	Bounds          Bounds        `json:"bounds"`

	Samples []Sample `json:"-"` // in samples.jsonl
	Rows    []Row    `json:"convergence"`
}

// Controls are what had to be seen before figures count.
type Controls struct {
	NullConvicted bool    `json:"null_engine_convicted"` // without an engine, flows that policies deny were seen to pass
	NullLeaked    int     `json:"null_new_pod_packets"`  // that reached a new pod without an engine
	NullRunning   float64 `json:"null_new_pod_running_ms"`
}

// Start is a start of the engine: until it said that it is in sync.
type Start struct {
	Phase   string  `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// PhaseTime is how long a phase took, and what the host did meanwhile.
type PhaseTime struct {
	Phase   string        `json:"phase"`
	Seconds float64       `json:"seconds"`
	Share   measure.Share `json:"host"`
}

// PhaseCPU is the processor time of the engine and its tools over a phase's changes.
type PhaseCPU struct {
	Phase   string  `json:"phase"`
	Changes int     `json:"changes"`
	Seconds float64 `json:"cpu_s"`
}

// PerChange is in milliseconds.
func (c PhaseCPU) PerChange() float64 {
	if c.Changes == 0 {
		return 0
	}
	return 1000 * c.Seconds / float64(c.Changes)
}

// Row is the figures of one kind of change in one phase. Times are milliseconds.
type Row struct {
	Phase    string    `json:"phase"`
	Kind     Kind      `json:"kind"`
	To       string    `json:"to"`
	AfterAck Quantiles `json:"after_ack"`
	After    Quantiles `json:"after_call"`
	AfterDue Quantiles `json:"after_due"`
	Leak     float64   `json:"leak_s"`
	Outage   float64   `json:"outage_s"`
}

// rows are the figures of all samples, by phase and kind in the order in which they came.
func rows(samples []Sample) []Row {
	type key struct {
		phase string
		kind  Kind
	}
	var order []key
	by := map[key][]Sample{}
	for _, s := range samples {
		k := key{s.Phase, s.Kind}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], s)
	}
	var out []Row
	for _, k := range order {
		row := Row{Phase: k.phase, Kind: k.kind, To: by[k][0].To}
		row.AfterAck = QuantilesOf(by[k], func(s Sample) float64 { return s.Ack })
		row.After = QuantilesOf(by[k], func(s Sample) float64 { return s.Call })
		row.AfterDue = QuantilesOf(by[k], func(s Sample) float64 { return s.AfterDue })
		for _, s := range by[k] {
			if s.Void == "" {
				row.Leak += s.Leak
				row.Outage += s.Outage
			}
		}
		out = append(out, row)
	}
	return out
}

// Row is that of a kind of change made one at a time; false when there is none.
func (r *Result) Row(kind Kind) (Row, bool) {
	for _, row := range r.Rows {
		if row.Kind == kind && !isChurn(row.Phase) {
			return row, true
		}
	}
	return Row{}, false
}

func isChurn(phase string) bool { return len(phase) > 5 && (phase[:5] == "churn" || phase[:5] == "burst") }

// Cost is that of a phase; false when it was not reached.
func (r *Result) Cost(phase string) (Cost, bool) {
	for _, c := range r.Costs {
		if c.Phase == phase {
			return c, true
		}
	}
	return Cost{}, false
}

// HWM is the most that any of the engine's processes had resident.
func (r *Result) HWM() float64 {
	most := 0.0
	for _, c := range r.Costs {
		most = max(most, c.HWM)
	}
	return most
}

// LeakedPackets are those of new pods and of the flow that is denied all the time.
func (r *Result) LeakedPackets() (newPods int, beside uint64) {
	for _, p := range r.NewPods {
		if p.Void == "" {
			newPods += p.Leaked
		}
	}
	for _, b := range r.Bystanders {
		beside += b.Leaked
	}
	return newPods, beside
}

// judge sets the verdict: void when the run can't say anything, whatever it saw.
func (r *Result) judge(l Limits) {
	r.Rows = rows(r.Samples)
	r.Reasons = r.doubts(l)
	r.Verdict = string(v1.VerdictVoid)
	if len(r.Reasons) > 0 {
		return
	}
	r.Verdict = string(v1.VerdictPass)
	if r.Reasons = r.failures(); len(r.Reasons) > 0 {
		r.Verdict = string(v1.VerdictFail)
		return
	}
	r.Reasons = []string{}
}

// doubts are why a run says nothing.
func (r *Result) doubts(l Limits) []string {
	var out []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(!r.Finished, "the run did not come to its end")
	add(!r.Controls.NullConvicted, "control: without an engine a denied flow was not seen to pass")
	add(r.Controls.NullRunning > 0 && r.Controls.NullLeaked == 0, "control: without an engine no packet was counted at a new pod")
	add(r.Ticks == 0 || float64(r.Missed)/float64(r.Ticks) > l.MaxMissed, "the senders missed %.1f %% of their ticks, above %.0f %%", 100*float64(r.Missed)/float64(max(1, r.Ticks)), 100*l.MaxMissed)
	foreign := r.Pressure.Foreign + r.Pressure.Stolen
	add(foreign > l.MaxForeign, "other work on the host took %.0f %% of the processors, above %.0f %%: measure on a quiet machine", 100*foreign, 100*l.MaxForeign)
	for _, row := range r.Rows {
		all := row.AfterAck.N + row.AfterAck.Void
		add(float64(row.AfterAck.Void) > l.MaxVoid*float64(all), "%s (%s): %d of %d samples are void", row.Kind, row.Phase, row.AfterAck.Void, all)
	}
	if _, ok := r.Row(Floor); !ok {
		add(true, "the floor of the method was not measured")
	}
	return out
}

// failures are the bounds that were broken.
func (r *Result) failures() []string {
	var out []string
	b := r.Bounds
	p99 := func(bound float64, kinds ...Kind) {
		for _, k := range kinds {
			row, ok := r.Row(k)
			if bound == 0 || !ok && r.Wanted == 0 {
				continue
			}
			switch got := row.AfterAck.P99; {
			case got == nil:
				out = append(out, fmt.Sprintf("%s: p99 is not known to be below %.0f ms (n=%d, %d later than the deadline)", k, bound, row.AfterAck.N, row.AfterAck.Censored))
			case *got > bound:
				out = append(out, fmt.Sprintf("%s: p99 %.1f ms is above %.0f ms (n=%d)", k, *got, bound, row.AfterAck.N))
			}
		}
	}
	p99(b.CreateP99, PolicyCreate)
	p99(b.EditP99, BlockAdd, BlockRemove)
	fresh, beside := r.LeakedPackets()
	if b.Leaks && (fresh > 0 || beside > 0) {
		out = append(out, fmt.Sprintf("%d packets reached new pods, %d of a denied flow passed", fresh, beside))
	}
	if hwm := r.HWM(); b.HWM > 0 && hwm > b.HWM {
		out = append(out, fmt.Sprintf("VmHWM %.1f MiB is above %.0f MiB", hwm, b.HWM))
	}
	if b.Slope && r.Slope.AboveZero() {
		out = append(out, fmt.Sprintf("memory grows by %.3f MiB per cycle (%.3f to %.3f)", r.Slope.PerCycle, r.Slope.Low, r.Slope.High))
	}
	if ratio, ok := r.Back(); b.Back > 0 && ok && ratio > b.Back {
		out = append(out, fmt.Sprintf("after all was deleted RSS is %.0f %% of the baseline's, above %.0f %%", 100*ratio, 100*b.Back))
	}
	return out
}

// Back is the memory after all was deleted, of the baseline's.
func (r *Result) Back() (float64, bool) {
	base, ok := r.Cost("baseline")
	end, ok2 := r.Cost("after delete")
	if !ok || !ok2 || base.RSS == 0 {
		return 0, false
	}
	return end.RSS / base.RSS, true
}
