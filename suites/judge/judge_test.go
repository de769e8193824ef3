package judge

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

const (
	begun = 1000 * time.Millisecond
	acked = 1100 * time.Millisecond
	hold  = 500 * time.Millisecond
)

func window() Window {
	return Window{Begun: begun, Acked: acked, Hold: hold, Deadline: 2 * time.Second}
}

// seen is an observation that was sent ms after the ack and answered a millisecond later,
// with live controls.
func seen(ms int, r Result) Observation {
	sent := acked + time.Duration(ms)*time.Millisecond
	o := Observation{Result: r, Sent: sent, Done: sent + time.Millisecond, Server: ControlLive, Client: ControlLive}
	switch r {
	case Connected:
		o.Answered, o.Delivered = "x/a", true
	case Dropped:
		o.Done, o.Packets = sent+400*time.Millisecond, 2
	case Inconclusive:
		o.Err = "exec stream lost"
	case Refused, Unreachable:
	}
	return o
}

func with(o Observation, change func(*Observation)) Observation {
	change(&o)
	return o
}

func dead(o *Observation)      { o.Server = ControlDead }
func single(o *Observation)    { o.Packets = 1 }
func unasked(o *Observation)   { o.Server = ControlMissing }
func offline(o *Observation)   { o.Client = ControlDead }
func delivered(o *Observation) { o.Delivered = true }

// A judgeCase is a cell that was observed, and what it must be judged as.
type judgeCase struct {
	name         string
	before, want model.Verdict
	passing      bool
	obs          []Observation
	ended        time.Duration // after the ack; 0 is not yet
	grace        time.Duration
	outcome      v1.Outcome
	kind         v1.FailureKind
	reason       string // contained
}

const allow, deny, undefined = model.Allow, model.Deny, model.Undefined

// provenCases are what counts as seen: errors, live controls.
func provenCases() []judgeCase {
	return []judgeCase{
		{
			name: "allowed and connected for the hold window", before: deny, want: allow,
			obs: []Observation{seen(0, Dropped), seen(20, Connected), seen(600, Connected)}, outcome: v1.Pass,
		},
		{
			name: "allowed as before, and seen once when the window was over", before: allow, want: allow,
			obs: []Observation{seen(500, Connected)}, outcome: v1.Pass,
		},
		{
			name: "allowed as before, and seen once when the window was not over", before: allow, want: allow,
			obs: []Observation{seen(499, Connected)}, ended: 520 * time.Millisecond, outcome: v1.Inconclusive, reason: "must hold",
		},
		{
			name: "denied and dropped for the hold window", before: allow, want: deny,
			obs: []Observation{seen(0, Connected), seen(20, Dropped), seen(520, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "an error never satisfies a deny cell", before: allow, want: deny,
			obs:     []Observation{seen(0, Inconclusive), seen(300, Inconclusive), seen(600, Inconclusive)},
			outcome: v1.Inconclusive, reason: "exec stream lost",
		},
		{
			name: "an error never satisfies an allow cell", before: deny, want: allow,
			obs:     []Observation{seen(0, Inconclusive), seen(600, Inconclusive)},
			outcome: v1.Inconclusive, reason: "exec stream lost",
		},
		{
			name: "an unknown result is an error", before: allow, want: deny,
			obs: []Observation{seen(0, "Filtered"), seen(600, "Filtered")}, outcome: v1.Inconclusive,
		},
		{
			name: "errors between do not break a verdict", before: allow, want: deny,
			obs: []Observation{seen(0, Dropped), seen(300, Inconclusive), seen(600, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "a deny without an answer of the server's control", before: allow, want: deny,
			obs:     []Observation{with(seen(0, Dropped), dead), with(seen(600, Dropped), dead)},
			outcome: v1.Inconclusive, reason: "the server's own node did not reach it either",
		},
		{
			name: "a deny seen from one packet each", before: allow, want: deny,
			obs:     []Observation{with(seen(0, Dropped), single), with(seen(600, Dropped), single)},
			outcome: v1.Inconclusive, reason: "after fewer than 2 packets",
		},
		{
			name: "an allow of which one packet got lost", before: allow, want: allow,
			obs: []Observation{seen(0, Connected), with(seen(300, Dropped), single), seen(600, Connected)}, outcome: v1.Pass,
		},
		{
			name: "a deny whose control nobody asked", before: allow, want: deny,
			obs:     []Observation{with(seen(0, Dropped), unasked), with(seen(600, Dropped), unasked)},
			outcome: v1.Inconclusive, reason: "was not asked",
		},
		{
			name: "a deny whose client is cut off", before: allow, want: deny,
			obs:     []Observation{with(seen(0, Dropped), offline), with(seen(600, Dropped), offline)},
			outcome: v1.Inconclusive, reason: "the client's own node did not reach it either",
		},
		{
			name: "one live round is not a hold window", before: allow, want: deny,
			obs:     []Observation{seen(0, Dropped), with(seen(600, Dropped), dead)},
			outcome: v1.Inconclusive, reason: "must hold 500.0 ms",
		},
		{
			name: "an outage needs a live control too", before: deny, want: allow,
			obs:     []Observation{with(seen(0, Dropped), dead), with(seen(600, Dropped), dead)},
			outcome: v1.Inconclusive, reason: "without a live control",
		},
	}
}

// wrongCases are cells that never get right, and what looks so.
func wrongCases() []judgeCase {
	return []judgeCase{
		{
			name: "an allow cell that stays dropped", before: deny, want: allow,
			obs: []Observation{seen(0, Dropped), seen(2000, Dropped)}, outcome: v1.Fail, kind: v1.Outage, reason: "wants Allow, still Dropped",
		},
		{
			name: "refused at an allow cell", before: deny, want: allow,
			obs: []Observation{seen(0, Refused), seen(2000, Refused)}, outcome: v1.Fail, kind: v1.Outage, reason: "still Refused",
		},
		{
			name: "unreachable at an allow cell", before: deny, want: allow,
			obs: []Observation{seen(0, Unreachable), seen(2000, Unreachable)}, outcome: v1.Fail, kind: v1.Outage,
		},
		{
			name: "refused at an allow cell, but the receiver has it", before: deny, want: allow,
			obs: []Observation{with(seen(0, Refused), delivered), with(seen(2000, Refused), delivered)}, outcome: v1.Pass,
		},
		{
			name: "dropped at an allow cell although the receiver has it: replies must pass", before: deny, want: allow,
			obs:     []Observation{with(seen(0, Dropped), delivered), with(seen(2000, Dropped), delivered)},
			outcome: v1.Fail, kind: v1.Outage, reason: "Dropped but delivered",
		},
		{
			name: "refused at a deny cell is blocked, and said", before: allow, want: deny,
			obs: []Observation{seen(0, Refused), seen(2000, Refused)}, outcome: v1.Pass, reason: "by an answer (Refused)",
		},
		{
			name: "unreachable at a deny cell is blocked, and said", before: allow, want: deny,
			obs: []Observation{seen(0, Unreachable), seen(2000, Unreachable)}, outcome: v1.Pass, reason: "by an answer (Unreachable)",
		},
		{
			name: "a deny cell that stays connected", before: allow, want: deny,
			obs: []Observation{seen(0, Connected), seen(2000, Connected)}, outcome: v1.Fail, kind: v1.Leak, reason: "still Connected 2000.0 ms",
		},
		{
			name: "no answer, but the packet got in", before: allow, want: deny,
			obs:     []Observation{with(seen(0, Dropped), delivered), with(seen(2000, Dropped), delivered)},
			outcome: v1.Fail, kind: v1.Leak, reason: "Dropped but delivered",
		},
		{
			name: "the packet got in, whatever became of the probe and the controls", before: allow, want: deny,
			obs: []Observation{with(seen(2000, Inconclusive), func(o *Observation) {
				o.Delivered, o.Server, o.Client = true, ControlMissing, ControlMissing
			})},
			outcome: v1.Fail, kind: v1.Leak,
		},
		{
			name: "a deny cell that was connected when it was last looked at, before the deadline", before: allow, want: deny,
			obs:     []Observation{seen(0, Connected), seen(1900, Connected)},
			outcome: v1.Inconclusive, reason: "not seen wrong at or after the deadline of 2000.0 ms",
		},
		{
			name: "somebody else answered", before: allow, want: deny,
			obs:     []Observation{with(seen(2000, Connected), func(o *Observation) { o.Answered, o.Delivered = "y/b", false })},
			outcome: v1.Inconclusive, reason: `answered by "y/b"`,
		},
	}
}

// changingCases are cells whose verdict a step changes.
func changingCases() []judgeCase {
	return []judgeCase{
		{
			name: "before the ack a changing cell is not judged", before: allow, want: deny,
			obs: []Observation{seen(-50, Connected), seen(10, Dropped), seen(510, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "only probed before the ack", before: allow, want: deny,
			obs: []Observation{seen(-50, Dropped)}, outcome: v1.Inconclusive, reason: "never probed after the ack",
		},
		{
			name: "never probed", before: allow, want: deny, outcome: v1.Inconclusive, reason: "never probed",
		},
		{
			name: "right, but not for long enough", before: allow, want: deny,
			obs: []Observation{seen(0, Connected), seen(200, Dropped), seen(600, Dropped)}, outcome: v1.Inconclusive, reason: "seen for 400.0 ms only",
		},
		{
			name: "wrong once, and nothing proved for long afterwards", before: allow, want: deny,
			obs:     []Observation{seen(0, Connected), with(seen(300, Dropped), dead), with(seen(900, Dropped), dead)},
			outcome: v1.Inconclusive, reason: "nothing was proved in the last 900.0 ms",
		},
		{
			name: "wrong, and nothing proved for a moment afterwards", before: allow, want: deny,
			obs:     []Observation{seen(0, Connected), seen(2000, Connected), with(seen(2300, Dropped), dead)},
			outcome: v1.Fail, kind: v1.Leak,
		},
		{
			name: "opened again after it was denied", before: allow, want: deny,
			obs:     []Observation{seen(0, Connected), seen(30, Dropped), seen(300, Connected), seen(450, Dropped), seen(1100, Dropped)},
			outcome: v1.Fail, kind: v1.Leak, reason: "denied since 30.0 ms after the ack, then Connected at 300.0 ms: opened 1 times",
		},
		{
			name: "a packet got in after it was denied, and no answer came", before: "", want: deny,
			obs:     []Observation{seen(0, Dropped), with(seen(300, Dropped), delivered), seen(450, Dropped), seen(1100, Dropped)},
			outcome: v1.Fail, kind: v1.Leak, reason: "then Dropped but delivered at 300.0 ms",
		},
		{
			name: "opened again by another of the step's actions", before: "", want: deny, passing: true,
			obs: []Observation{seen(0, Dropped), seen(300, Connected), seen(600, Dropped), seen(1100, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "right too short when the step ended, and flapping before the deadline only", before: "", want: deny, passing: true, ended: 1999 * time.Millisecond,
			obs:     []Observation{seen(0, Dropped), seen(300, Connected), seen(600, Dropped), seen(700, Dropped)},
			outcome: v1.Inconclusive, reason: "seen for 100.0 ms only",
		},
		{
			name: "flapping to the end, whatever the step's actions", before: "", want: deny, passing: true,
			obs:     []Observation{seen(0, Dropped), seen(2100, Connected), seen(2200, Dropped), seen(2300, Dropped)},
			outcome: v1.Fail, kind: v1.Leak, reason: "not stable: flipped 1 times",
		},
		{
			name: "an allow cell that comes and goes is slow, not wrong", before: deny, want: allow,
			obs: []Observation{seen(0, Connected), seen(300, Dropped), seen(600, Connected), seen(1100, Connected)}, outcome: v1.Pass,
		},
		{
			name: "right after the deadline", before: allow, want: deny,
			obs:     []Observation{seen(0, Connected), seen(2050, Connected), seen(2100, Dropped), seen(2700, Dropped)},
			outcome: v1.Fail, kind: v1.Leak, reason: "the deadline is 2000.0 ms",
		},
		{
			name: "late on a starved machine", before: allow, want: deny, grace: time.Second,
			obs:     []Observation{seen(0, Connected), seen(2900, Connected), seen(2950, Dropped), seen(3600, Dropped)},
			outcome: v1.Inconclusive, reason: "the deadline of 2000.0 ms and 1000.0 ms of grace",
		},
		{
			name: "too late, even for a starved machine", before: allow, want: deny, grace: time.Second,
			obs:     []Observation{seen(0, Connected), seen(3000, Connected), seen(3050, Dropped), seen(3600, Dropped)},
			outcome: v1.Fail, kind: v1.Leak, reason: "right only 3050.0 ms",
		},
		{
			name: "seen right only after the deadline, but not wrong at it", before: allow, want: deny,
			obs:     []Observation{seen(0, Connected), seen(1600, Connected), seen(2100, Dropped), seen(2700, Dropped)},
			outcome: v1.Inconclusive, reason: "not seen wrong at or after the deadline",
		},
	}
}

// unchangedCases are cells that must not flip, and the end of a step.
func unchangedCases() []judgeCase {
	return []judgeCase{
		{
			name: "an unchanged cell that stays right", before: deny, want: deny,
			obs: []Observation{seen(-90, Dropped), seen(100, Dropped), seen(510, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "an unchanged deny cell leaks once", before: deny, want: deny,
			obs:     []Observation{seen(-90, Dropped), seen(50, Connected), seen(60, Dropped), seen(700, Dropped)},
			outcome: v1.Fail, kind: v1.Leak, reason: "1 of 4 probes wrong, from 50.0 ms to 50.0 ms",
		},
		{
			name: "an unchanged deny cell leaks before the ack", before: deny, want: deny,
			obs:     []Observation{seen(-90, Connected), seen(0, Dropped), seen(700, Dropped)},
			outcome: v1.Fail, kind: v1.Leak, reason: "from -90.0 ms to -90.0 ms",
		},
		{
			name: "an unchanged allow cell is lost once", before: allow, want: allow,
			obs:     []Observation{seen(-90, Connected), seen(50, Dropped), seen(60, Connected), seen(700, Connected)},
			outcome: v1.Fail, kind: v1.Outage, reason: "must stay Allow",
		},
		{
			name: "an unchanged allow cell with a harness error", before: allow, want: allow,
			obs: []Observation{seen(-90, Connected), seen(50, Inconclusive), seen(700, Connected)}, outcome: v1.Pass,
		},
		{
			name: "what was sent before the step began is not of the step", before: deny, want: deny,
			obs: []Observation{seen(-101, Connected), seen(0, Dropped), seen(700, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "an unchanged cell must be seen after the ack", before: deny, want: deny,
			obs: []Observation{seen(-90, Dropped), seen(-10, Dropped)}, outcome: v1.Inconclusive,
		},
		{
			name: "what is sent after the end is not of the step", before: deny, want: deny, ended: 650 * time.Millisecond,
			obs: []Observation{seen(0, Dropped), seen(600, Dropped), seen(651, Connected)}, outcome: v1.Pass,
		},
		{
			name: "an answer after the end may be to a copy", before: deny, want: deny, ended: 650 * time.Millisecond,
			obs:     []Observation{seen(0, Dropped), seen(600, Dropped), with(seen(640, Connected), func(o *Observation) { o.Done += 200 * time.Millisecond })},
			outcome: v1.Pass,
		},
		{
			name: "silence beyond the end is silence", before: deny, want: deny, ended: 650 * time.Millisecond,
			obs: []Observation{seen(0, Dropped), seen(600, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "silence of the last moment may be the next step's", before: allow, want: allow, ended: 650 * time.Millisecond,
			obs: []Observation{seen(0, Connected), seen(600, Connected), seen(640, Dropped)}, outcome: v1.Pass,
		},
		{
			name: "silence before the last moment is not", before: allow, want: allow, ended: 650 * time.Millisecond,
			obs: []Observation{seen(0, Connected), seen(590, Dropped), seen(600, Connected)}, outcome: v1.Fail, kind: v1.Outage,
		},
		{
			name: "wrong to the end of a baseline, whose hold window is nothing", before: "", want: allow, ended: 2100 * time.Millisecond,
			obs:     []Observation{seen(0, Dropped), seen(2010, Dropped), seen(2090, Dropped)},
			outcome: v1.Fail, kind: v1.Outage,
		},
		{
			name: "answered after the end", before: deny, want: allow, ended: 650 * time.Millisecond,
			obs:     []Observation{seen(650, Connected), with(seen(640, Connected), func(o *Observation) { o.Done += 20 * time.Millisecond })},
			outcome: v1.Inconclusive, reason: "only after the end",
		},
	}
}

// openCases are cells that have no verdict or no past.
func openCases() []judgeCase {
	return []judgeCase{
		{
			name: "undefined is reported", before: undefined, want: undefined,
			obs: []Observation{seen(0, Dropped)}, outcome: v1.Skipped, reason: "undefined",
		},
		{
			name: "undefined is never judged, however it flaps", before: undefined, want: undefined,
			obs: []Observation{seen(0, Dropped), seen(10, Connected), seen(20, Dropped)}, outcome: v1.Skipped,
		},
		{
			name: "a cell without a past", before: "", want: deny,
			obs: []Observation{seen(40, Connected), seen(60, Dropped), seen(600, Dropped)}, outcome: v1.Pass,
		},
	}
}

func TestJudge(t *testing.T) {
	for _, tc := range slices.Concat(provenCases(), wrongCases(), changingCases(), unchangedCases(), openCases()) {
		t.Run(tc.name, func(t *testing.T) {
			c := &Cell{Before: tc.before, Want: tc.want, Passing: tc.passing, Server: "x/a", Observations: tc.obs}
			w := window()
			w.Grace = tc.grace
			if tc.ended > 0 {
				w.Ended = acked + tc.ended
			}
			got := Judge(c, w)
			if got.Outcome != tc.outcome || got.Kind != tc.kind {
				t.Errorf("outcome %s %q (%s), want %s %q", got.Outcome, got.Kind, got.Reason, tc.outcome, tc.kind)
			}
			if !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("reason %q does not say %q", got.Reason, tc.reason)
			}
			checkLook(t, c, w, got)
		})
	}
}

// checkLook holds Look against Judge: what looks right for the hold window passes, and
// what looks violated fails.
func checkLook(t *testing.T, c *Cell, w Window, j Judgement) {
	t.Helper()
	p := Look(c, w)
	if p.Violated && j.Outcome != v1.Fail {
		t.Errorf("looks violated, but is %s", j.Outcome)
	}
	if j.Outcome == v1.Pass && !p.Right {
		t.Error("passes, but does not look right")
	}
}

// What is undefined is observed as it is at the end of the step.
func TestObserved(t *testing.T) {
	for _, tc := range []struct {
		name string
		obs  []Observation
		want string
	}{
		{"let through", []Observation{seen(0, Connected), seen(600, Connected)}, v1.ObservedAllow},
		{"dropped", []Observation{seen(600, Dropped)}, v1.ObservedDeny},
		{"refused", []Observation{seen(600, Refused)}, v1.ObservedDeny},
		{"closed on the way", []Observation{seen(0, Connected), seen(600, Dropped)}, v1.ObservedDeny},
		{"now and then", []Observation{seen(600, Connected), seen(700, Dropped)}, v1.ObservedMixed},
		{"early only", []Observation{seen(0, Connected)}, v1.ObservedAllow},
		{"dropped, but nobody else got there", []Observation{with(seen(600, Dropped), dead)}, ""},
		{"not seen", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := window()
			w.Ended = acked + time.Second
			j := Judge(&Cell{Before: undefined, Want: undefined, Observations: tc.obs}, w)
			if j.Observed != tc.want || j.Outcome != v1.Skipped {
				t.Errorf("observed %q, %s, want %q", j.Observed, j.Outcome, tc.want)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	c := &Cell{Before: model.Allow, Want: model.Deny, Passing: true, Observations: []Observation{
		seen(-10, Dropped), seen(5, Connected), seen(30, Dropped), seen(50, Connected), seen(75, Dropped), seen(600, Dropped),
	}}
	got := Judge(c, window())
	want := Judgement{
		Outcome: v1.Pass, Seen: Dropped, Evidence: "Dropped in 400.0 ms, control live",
		FirstRight: ptr(30 * time.Millisecond), Stable: ptr(75 * time.Millisecond), Resolution: ptr(25 * time.Millisecond),
		Flips: 1, Conclusive: 5, Wrong: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("judgement (-want +got):\n%s", diff)
	}
}

// The time of an allow is when the answer came: a datagram that was lost and sent again
// was not let through when it was first sent.
func TestTimeOfAnAllowIsItsAnswer(t *testing.T) {
	late := with(seen(10, Connected), func(o *Observation) { o.Done = o.Sent + 150*time.Millisecond })
	got := Judge(&Cell{Before: model.Deny, Want: model.Allow, Observations: []Observation{late, seen(700, Connected)}}, window())
	if diff := cmp.Diff(ptr(160*time.Millisecond), got.Stable); diff != "" {
		t.Errorf("stable (-want +got):\n%s", diff)
	}
}

func TestUnchangedCellsHaveNoTimes(t *testing.T) {
	got := Judge(&Cell{Before: model.Deny, Want: model.Deny, Observations: []Observation{seen(0, Dropped), seen(600, Dropped)}}, window())
	if got.FirstRight != nil || got.Stable != nil || got.Resolution != nil {
		t.Errorf("times %v %v %v of a cell that does not change", got.FirstRight, got.Stable, got.Resolution)
	}
}

func ptr[T any](v T) *T { return &v }

// The order in which observations arrive means nothing, and what proves nothing changes no
// judgement but an empty one.
func TestJudgeProperties(t *testing.T) {
	const seed = 1
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	w := window()
	w.Deadline = 400 * time.Millisecond
	for range 5000 {
		c := randomCell(rng)
		want := Judge(c, w)
		shuffledCell := *c
		shuffledCell.Observations = slices.Clone(c.Observations)
		rng.Shuffle(len(c.Observations), func(i, j int) {
			o := shuffledCell.Observations
			o[i], o[j] = o[j], o[i]
		})
		if diff := cmp.Diff(want, Judge(&shuffledCell, w)); diff != "" {
			t.Fatalf("seed %d: order matters for %+v (-want +got):\n%s", seed, c, diff)
		}
		noisy := *c
		noisy.Observations = append(slices.Clone(c.Observations), seen(rng.IntN(900), Inconclusive))
		got := Judge(&noisy, w)
		blinded := want.Outcome == v1.Fail && got.Outcome == v1.Inconclusive // by an error at the very end
		if got.Outcome != want.Outcome && !blinded {
			t.Fatalf("seed %d: an error turned %s into %s: %+v", seed, want.Outcome, got.Outcome, noisy)
		}
		checkLook(t, c, w, want)
	}
}

// randomCell has observations at distinct times.
func randomCell(rng *rand.Rand) *Cell {
	verdicts := []model.Verdict{model.Allow, model.Deny, model.Undefined}
	c := &Cell{Before: verdicts[rng.IntN(3)], Want: verdicts[rng.IntN(3)], Passing: rng.IntN(2) == 0}
	results := []Result{Connected, Dropped, Dropped, Refused, Unreachable, Inconclusive}
	for i := range rng.IntN(8) {
		o := seen(-100+i*137+rng.IntN(100), results[rng.IntN(len(results))])
		o.Server, o.Client = Control(rng.IntN(3)), Control(1+rng.IntN(2))
		c.Observations = append(c.Observations, o)
	}
	return c
}
