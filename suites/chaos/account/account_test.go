package account

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/agent/seq"
	"github.com/netassay/netassay/probe/wire"
	v1 "github.com/netassay/netassay/reports/v1"
)

const tick = time.Millisecond

// report is what comes of a stream of n packets from time start of which those arrive for
// which arrives is true.
func report(start time.Duration, n uint64, arrives func(uint64) bool) probe.StreamReport {
	at := func(i uint64) time.Duration { return start + time.Duration(i)*tick }
	r := probe.StreamReport{
		Stream: probe.Stream{Interval: tick},
		Sender: wire.SenderReport{Start: start, End: at(n), Sent: n},
	}
	t := seq.New(seq.Options{Bucket: 10 * tick})
	for i := range n {
		if arrives(i) {
			t.Arrive(i, at(i))
		}
	}
	if got := t.Report(); got.Received > 0 {
		r.Receivers = []probe.Received{{Receiver: "server", ReceiverReport: got}}
		r.Received = got.Received
	}
	r.Lost = n - r.Received
	return r
}

func all(uint64) bool  { return true }
func none(uint64) bool { return false }

func stream(d Duty, server, family string, r probe.StreamReport) Stream {
	return Stream{Flow: Flow{Duty: d, Client: "c", Server: server, Family: family, Place: "same-node"}, Report: r}
}

func TestSegment(t *testing.T) {
	const n = 1000
	hole := func(i uint64) bool { return i < 500 || i >= 700 }
	overflown := report(0, n, hole)
	overflown.Overflow = 150
	for _, tc := range []struct {
		name    string
		drift   bool
		streams []Stream
		want    Counts
		found   int
	}{
		{
			name:    "right",
			streams: []Stream{stream(MustPass, "s", "IPv4", report(0, n, all)), stream(MustDrop, "s", "IPv4", report(0, n, none))},
			// The last packet left when its control's had just arrived: nothing after it.
			want: Counts{MustPass: n, MustDrop: n},
		},
		{
			name:    "leak",
			streams: []Stream{stream(MustPass, "s", "IPv4", report(0, n, all)), stream(MustDrop, "s", "IPv4", report(0, n, func(i uint64) bool { return i == 3 || i == 9 }))},
			want:    Counts{MustPass: n, MustDrop: n, Leaked: 2},
			found:   2,
		},
		{
			name:    "silence without a control proves nothing",
			streams: []Stream{stream(MustDrop, "s", "IPv4", report(0, n, none))},
			want:    Counts{Unproven: n},
		},
		{
			name:    "a control of another family, or server, is none",
			streams: []Stream{stream(MustPass, "s", "IPv6", report(0, n, all)), stream(MustPass, "z", "IPv4", report(0, n, all)), stream(MustDrop, "s", "IPv4", report(0, n, none))},
			want:    Counts{MustPass: 2 * n, Unproven: n},
		},
		{
			name:    "a control that is lost for a while",
			streams: []Stream{stream(MustPass, "s", "IPv4", report(0, n, hole)), stream(MustDrop, "s", "IPv4", report(0, n, none))},
			want:    Counts{MustPass: n, Lost: 200, MustDrop: n - 200, Unproven: 200},
			found:   1,
		},
		{
			name:    "losses of the receiver itself are told apart",
			streams: []Stream{stream(MustPass, "s", "IPv4", overflown)},
			want:    Counts{MustPass: n, Lost: 50, Overflow: 150},
			found:   1,
		},
		{
			name: "all lost", streams: []Stream{stream(MustPass, "s", "IPv4", report(0, n, none))},
			want: Counts{MustPass: n, Lost: n}, found: 1,
		},
		{
			name: "the end is lost", streams: []Stream{stream(MustPass, "s", "IPv4", report(0, n, func(i uint64) bool { return i < 990 }))},
			want: Counts{MustPass: n, Lost: 10}, found: 1,
		},
		{
			name: "drift is counted apart", drift: true,
			streams: []Stream{stream(MustPass, "s", "IPv4", report(0, n, all)), stream(MustDrop, "s", "IPv4", report(0, n, all))},
			want:    Counts{MustPass: n, MustDrop: n, Leaked: n}, found: 1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got Tally
			got.Segment(Segment{Drift: tc.drift, Streams: tc.streams})
			counts, other := got.UDP, got.Drift
			if tc.drift {
				counts, other = other, counts
			}
			if diff := cmp.Diff(tc.want, counts); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(Counts{}, other); diff != "" {
				t.Errorf("counted elsewhere too (-want +got):\n%s", diff)
			}
			if len(got.Findings) != tc.found {
				t.Errorf("findings: %v, want %d", got.Findings, tc.found)
			}
		})
	}
}

// Whatever arrives, nothing is counted twice and nothing is missing.
func TestSegmentProperty(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		n := uint64(1 + random.IntN(400))
		chance := func() func(uint64) bool {
			p := random.Float64()
			return func(uint64) bool { return random.Float64() < p }
		}
		pass, drop := report(0, n, chance()), report(0, n, chance())
		var got Tally
		got.Segment(Segment{Streams: []Stream{stream(MustPass, "s", "IPv4", pass), stream(MustDrop, "s", "IPv4", drop)}})
		want := Counts{
			MustPass: n, Lost: n - pass.Received, Leaked: drop.Received,
			MustDrop: n - got.UDP.Unproven, Unproven: got.UDP.Unproven,
		}
		if diff := cmp.Diff(want, got.UDP); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
		found := map[string]uint64{}
		for _, f := range got.Findings {
			found[f.What] += f.Count
		}
		if len(got.Findings) < maxFindings && (found["lost"] != got.UDP.Lost || found["leaked"] != got.UDP.Leaked) {
			t.Fatalf("seed %d: findings %v, counts %+v", seed, found, got.UDP)
		}
	}
}

func TestConnect(t *testing.T) {
	for _, tc := range []struct {
		duty Duty
		obs  probe.Observation
		want Counts
	}{
		{MustDrop, probe.Observation{Result: probe.Dropped}, Counts{MustDrop: 1}},
		{MustDrop, probe.Observation{Result: probe.Dropped, Receiver: "server"}, Counts{MustDrop: 1, Leaked: 1}},
		{MustDrop, probe.Observation{Result: probe.Connected}, Counts{MustDrop: 1, Leaked: 1}},
		{MustDrop, probe.Observation{Result: probe.Refused}, Counts{MustDrop: 1, Leaked: 1}},
		{MustDrop, probe.Observation{Result: probe.Inconclusive}, Counts{Inconclusive: 1}},
		{MustPass, probe.Observation{Result: probe.Connected}, Counts{MustPass: 1}},
		{MustPass, probe.Observation{Result: probe.Dropped}, Counts{MustPass: 1, Lost: 1}},
		{MustPass, probe.Observation{Result: probe.Inconclusive}, Counts{Inconclusive: 1}},
	} {
		t.Run(fmt.Sprintf("%s %s %s", tc.duty, tc.obs.Result, tc.obs.Receiver), func(t *testing.T) {
			var got Tally
			got.Connect(Segment{}, Flow{Duty: tc.duty}, tc.obs)
			if diff := cmp.Diff(tc.want, got.TCP); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettled(t *testing.T) {
	before := func(at uint64) func(uint64) bool { return func(i uint64) bool { return i <= at } }
	after := func(at uint64) func(uint64) bool { return func(i uint64) bool { return i >= at } }
	deny := Change{Call: 100 * tick, Ack: 110 * tick, Until: 500 * tick}
	allow := deny
	allow.Allow = true
	for _, tc := range []struct {
		name      string
		change    Change
		streams   []probe.StreamReport
		call, ack time.Duration
		ok        bool
	}{
		{"denied", deny, []probe.StreamReport{report(0, 1000, before(150))}, 50 * tick, 40 * tick, true},
		{"denied before the ack", deny, []probe.StreamReport{report(0, 1000, before(105))}, 5 * tick, 0, true},
		{"the slowest counts", deny, []probe.StreamReport{report(0, 1000, before(150)), report(0, 1000, before(210))}, 110 * tick, 100 * tick, true},
		{"denied, allowed for an instant, denied", deny, []probe.StreamReport{report(0, 1000, func(i uint64) bool { return i <= 120 || i == 300 })}, 200 * tick, 190 * tick, true},
		{"never denied", deny, []probe.StreamReport{report(0, 1000, all)}, 0, 0, false},
		{"allowed", allow, []probe.StreamReport{report(0, 1000, after(130))}, 30 * tick, 20 * tick, true},
		{"never allowed", allow, []probe.StreamReport{report(0, 1000, none)}, 0, 0, false},
		{"allowed in the next change's time only", allow, []probe.StreamReport{report(0, 1000, after(600))}, 0, 0, false},
		{"the stream ended before", deny, []probe.StreamReport{report(0, 200, before(150))}, 0, 0, false},
		{"the stream began after", deny, []probe.StreamReport{report(105*tick, 1000, none)}, 0, 0, false},
		{"no stream", deny, nil, 0, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			call, ack, ok := tc.change.Settled(tc.streams)
			if call != tc.call || ack != tc.ack || ok != tc.ok {
				t.Errorf("got %v %v %v, want %v %v %v", call, ack, ok, tc.call, tc.ack, tc.ok)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	good := Tally{UDP: Counts{MustDrop: 1000, MustPass: 1000}, TCP: Counts{MustDrop: 10, MustPass: 10}, Ticks: 2000, Missed: 100}
	limits := Limits{MustDrop: 1000, MaxMissed: 0.1, MaxUnsure: 0.01}
	for _, tc := range []struct {
		name   string
		change func(*Tally)
		want   v1.Verdict
	}{
		{"right", func(*Tally) {}, v1.VerdictPass},
		{"a packet leaked", func(t *Tally) { t.UDP.Leaked = 1 }, v1.VerdictFail},
		{"a packet lost", func(t *Tally) { t.UDP.Lost = 1 }, v1.VerdictFail},
		{"a connection leaked", func(t *Tally) { t.TCP.Leaked = 1 }, v1.VerdictFail},
		{"a connection lost", func(t *Tally) { t.TCP.Lost = 1 }, v1.VerdictFail},
		{"fail outweighs void", func(t *Tally) { t.UDP.Leaked, t.Missed = 1, 2000 }, v1.VerdictFail},
		{"leaks of drift are apart", func(t *Tally) { t.Drift.Leaked = 5 }, v1.VerdictPass},
		{"too few", func(t *Tally) { t.UDP.MustDrop = 999 }, v1.VerdictVoid},
		{"too late", func(t *Tally) { t.Missed = 201 }, v1.VerdictVoid},
		{"too many overflows", func(t *Tally) { t.UDP.Overflow = 11 }, v1.VerdictVoid},
		{"too many inconclusive", func(t *Tally) { t.TCP.Inconclusive = 1 }, v1.VerdictVoid},
		{"a receiver not asked", func(t *Tally) { t.Unasked = 1 }, v1.VerdictVoid},
		{"nothing", func(t *Tally) { *t = Tally{} }, v1.VerdictVoid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tally := good
			tc.change(&tally)
			got, reasons := tally.Verdict(limits)
			if got != tc.want || (got == v1.VerdictPass) != (len(reasons) == 0) {
				t.Errorf("got %s %q, want %s", got, reasons, tc.want)
			}
		})
	}
}
