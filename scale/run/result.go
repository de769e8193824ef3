package run

import (
	"fmt"
	"time"

	"github.com/netassay/netassay/probe"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/measure"
)

// Result is what one turn of one engine saw, complete up to the point at which it ended.
type Result struct {
	Turn     v1.Turn
	Samples  []v1.Sample
	Readings []v1.Reading
	Controls Controls
	Ticks    uint64 // that senders had
	Missed   uint64 // of these, those without a packet
	Host     measure.Share
	Finished bool
	Silent   bool // no packet is sent, so that there are no controls to stand or fall with
	Guest    bool // the cluster is somebody else's, with other controls
}

// Controls are what had to be seen before figures count.
type Controls struct {
	NullConvicted bool    // without an engine, flows that policies deny were seen to pass
	NullLeaked    int     // packets that reached a new pod without an engine
	NullRunning   float64 // ms until that pod ran; 0: there was none
	Floor         bool    // the floor was measured

	// Of a guest, who can't be without an engine.
	Open     bool          // without a policy of the run, flows were seen to pass
	Enforced bool          // a policy that denies was seen to be enforced
	Clock    time.Duration // by so much the clocks of nodes may be off
}

// conclude decides what of the turn counts, and gives each transition that does
// not. An engine that is judged must have been seen at all that was done.
func (r *Result) conclude(l Limits, judged bool) (unseen []v1.Void) {
	unseen = r.voidKinds(l.MaxVoid)
	r.Turn.Void = r.doubts(l)
	for _, v := range unseen {
		if judged {
			r.Turn.Void = append(r.Turn.Void, v.Reason)
		}
	}
	return unseen
}

// doubts are why a turn says nothing, whatever it saw.
func (r *Result) doubts(l Limits) []string {
	var out []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	c := r.Controls
	add(!r.Finished, "it did not come to its end")
	if r.Guest {
		add(!c.Open, "control: without a policy of the run not every flow was seen to pass")
		add(c.Open && !c.Enforced, "control: a flow that a policy denies was seen to pass until the deadline")
		add(c.NullRunning > 0 && c.NullLeaked == 0, "control: without a policy no packet of a new pod was counted")
		add(c.Clock > l.MaxBlind, "the clocks of nodes are known to %v only, bound %v", c.Clock, l.MaxBlind)
		add(r.Ticks == 0 || r.missed() > l.MaxMissed, missedTicks, 100*r.missed(), 100*l.MaxMissed)
		return out
	}
	add(r.foreign() > l.MaxForeign, "other work on the host took %.0f %% of the processors, bound %.0f %%: measure on a quiet machine", 100*r.foreign(), 100*l.MaxForeign)
	if r.Silent {
		return out
	}
	add(!c.NullConvicted, "control: without an engine a denied flow was not seen to pass")
	add(c.NullRunning > 0 && c.NullLeaked == 0, "control: without an engine no packet was counted at a new pod")
	add(!c.Floor, "the floor of the method was not measured")
	add(r.Ticks == 0 || r.missed() > l.MaxMissed, missedTicks, 100*r.missed(), 100*l.MaxMissed)
	return out
}

const missedTicks = "the senders missed %.1f %% of their ticks, bound %.0f %%"

// voidKinds takes all samples of a transition for void when too many are: those that are
// left would be a choice of ours. It gives each. Other transitions stand, unless
// it is the floor, which all figures need.
func (r *Result) voidKinds(limit float64) (unseen []v1.Void) {
	all, void := map[string]int{}, map[string]int{}
	var order []string
	for _, s := range r.Samples {
		if all[s.Transition] == 0 {
			order = append(order, s.Transition)
		}
		all[s.Transition]++
		if s.Void != "" {
			void[s.Transition]++
		}
	}
	for _, t := range order {
		if float64(void[t]) <= limit*float64(all[t]) {
			continue
		}
		line := fmt.Sprintf("%s: %d of %d samples are void, so that none counts", t, void[t], all[t])
		unseen = append(unseen, v1.Void{Engine: r.Turn.Engine, Repeat: r.Turn.Repeat, Transition: t, Reason: line})
		r.Controls.Floor = r.Controls.Floor && t != v1.Floor
		for i := range r.Samples {
			if s := &r.Samples[i]; s.Transition == t && s.Void == "" {
				s.Void = line
			}
		}
	}
	return unseen
}

func (r *Result) missed() float64 { return float64(r.Missed) / float64(max(1, r.Ticks)) }

func (r *Result) foreign() float64 { return r.Host.Foreign + r.Host.Stolen }

// recorder keeps what a turn sees.
type recorder struct {
	*Result
	record  func(...v1.Record)
	log     func(line string)
	zero    time.Duration // of the harness's clock, at the start
	changes int           // samples are numbered by
}

func newRecorder(cfg *Config) *recorder {
	if cfg.Record == nil {
		cfg.Record = func(...v1.Record) {}
	}
	return &recorder{record: cfg.Record, log: cfg.Log, zero: probe.Now(), Result: &Result{
		Silent: cfg.Footprint, Guest: cfg.Guest != nil, Turn: v1.Turn{Engine: cfg.Name, Repeat: cfg.Repeat, Started: time.Now().UTC()},
	}}
}

// reading keeps one number about the engine's cost.
func (r *recorder) reading(phase string, cycle int, name, unit string, value float64) {
	seen := v1.Reading{
		Engine: r.Turn.Engine, Repeat: r.Turn.Repeat, Phase: phase, Cycle: cycle, Name: name, Unit: unit, Value: value,
	}
	r.Readings = append(r.Readings, seen)
	r.record(&seen)
}

// keep keeps samples of one change, whose times count from the start of the turn.
func (r *recorder) keep(samples ...v1.Sample) {
	start := ms(r.zero)
	for _, s := range samples {
		s.Engine, s.Repeat, s.Change = r.Turn.Engine, r.Turn.Repeat, r.changes
		s.Due, s.Call, s.Ack = s.Due-start, s.Call-start, s.Ack-start
		s.First, s.Stable = less(s.First, start), less(s.Stable, start)
		s.Seen, s.Commit = less(s.Seen, start), less(s.Commit, start)
		r.Samples = append(r.Samples, s)
		r.record(&s)
	}
	r.changes++
}

func less(v *float64, by float64) *float64 {
	if v == nil {
		return nil
	}
	n := *v - by
	return &n
}

// note keeps what a reader of the figures has to know.
func (r *recorder) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.record(&v1.Note{Text: fmt.Sprintf("%s, repeat %d: %s", r.Turn.Engine, r.Turn.Repeat, text)})
	r.log("note: " + text)
}
