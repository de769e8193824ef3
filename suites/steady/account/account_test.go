package account

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/agent/seq"
	"github.com/netassay/netassay/probe/flows"
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

// stream is a flow's part in a segment; server is an address.
func stream(must duty, server string, r probe.StreamReport) flows.Watched {
	r.Stream.Blocked = must == drop
	return flows.Watched{Flow: flows.Flow{Client: "c", Server: "s", Addr: netip.MustParseAddrPort(server)}, Report: r}
}

func established(w flows.Watched) flows.Watched {
	w.Flow.Established = true
	return w
}

type duty string

const (
	pass duty = "must-pass"
	drop duty = "must-drop"
)

// The addresses of one server, and of another.
const (
	four  = "10.0.0.1:80"
	six   = "[fd00::1]:80"
	other = "10.0.0.2:80"
)

func TestSegment(t *testing.T) {
	const n = 1000
	hole := func(i uint64) bool { return i < 500 || i >= 700 }
	overflown := report(0, n, hole)
	overflown.Overflow = 150
	for _, tc := range []struct {
		name    string
		drift   bool
		streams []flows.Watched
		want    v1.Counts
		found   int
	}{
		{
			name:    "right",
			streams: []flows.Watched{stream(pass, four, report(0, n, all)), stream(drop, four, report(0, n, none))},
			// The last packet left when its control's had just arrived: nothing after it.
			want: v1.Counts{MustPass: n, MustDrop: n},
		},
		{
			name:    "leak",
			streams: []flows.Watched{stream(pass, four, report(0, n, all)), stream(drop, four, report(0, n, func(i uint64) bool { return i == 3 || i == 9 }))},
			want:    v1.Counts{MustPass: n, MustDrop: n, Leaked: 2},
			found:   2,
		},
		{
			name:    "silence without a control proves nothing",
			streams: []flows.Watched{stream(drop, four, report(0, n, none))},
			want:    v1.Counts{Unproven: n},
		},
		{
			name:    "a control of another family, or server, is none",
			streams: []flows.Watched{stream(pass, six, report(0, n, all)), stream(pass, other, report(0, n, all)), stream(drop, four, report(0, n, none))},
			want:    v1.Counts{MustPass: 2 * n, Unproven: n},
		},
		{
			name:    "an established flow is no control of a new one",
			streams: []flows.Watched{established(stream(pass, four, report(0, n, all))), stream(drop, four, report(0, n, none))},
			want:    v1.Counts{MustPass: n, Unproven: n},
		},
		{
			name:    "a control that is lost for a while",
			streams: []flows.Watched{stream(pass, four, report(0, n, hole)), stream(drop, four, report(0, n, none))},
			want:    v1.Counts{MustPass: n, Lost: 200, MustDrop: n - 200, Unproven: 200},
			found:   1,
		},
		{
			name:    "losses of the receiver itself are told apart",
			streams: []flows.Watched{stream(pass, four, overflown)},
			want:    v1.Counts{MustPass: n, Lost: 50, Overflow: 150},
			found:   1,
		},
		{
			name: "all lost", streams: []flows.Watched{stream(pass, four, report(0, n, none))},
			want: v1.Counts{MustPass: n, Lost: n}, found: 1,
		},
		{
			name: "the end is lost", streams: []flows.Watched{stream(pass, four, report(0, n, func(i uint64) bool { return i < 990 }))},
			want: v1.Counts{MustPass: n, Lost: 10}, found: 1,
		},
		{
			name: "drift is counted apart", drift: true,
			streams: []flows.Watched{stream(pass, four, report(0, n, all)), stream(drop, four, report(0, n, all))},
			want:    v1.Counts{MustPass: n, MustDrop: n, Leaked: n}, found: 1,
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
			if diff := cmp.Diff(v1.Counts{}, other); diff != "" {
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
		passing, dropped := report(0, n, chance()), report(0, n, chance())
		var got Tally
		got.Segment(Segment{Streams: []flows.Watched{stream(pass, four, passing), stream(drop, four, dropped)}})
		want := v1.Counts{
			MustPass: n, Lost: n - passing.Received, Leaked: dropped.Received,
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
		must duty
		obs  probe.Observation
		want v1.Counts
	}{
		{drop, probe.Observation{Result: probe.Dropped}, v1.Counts{MustDrop: 1}},
		{drop, probe.Observation{Result: probe.Dropped, Receiver: "server"}, v1.Counts{MustDrop: 1, Leaked: 1}},
		{drop, probe.Observation{Result: probe.Connected}, v1.Counts{MustDrop: 1, Leaked: 1}},
		{drop, probe.Observation{Result: probe.Refused}, v1.Counts{MustDrop: 1, Leaked: 1}},
		{drop, probe.Observation{Result: probe.Inconclusive}, v1.Counts{Inconclusive: 1}},
		{pass, probe.Observation{Result: probe.Connected}, v1.Counts{MustPass: 1}},
		{pass, probe.Observation{Result: probe.Dropped}, v1.Counts{MustPass: 1, Lost: 1}},
		{pass, probe.Observation{Result: probe.Inconclusive}, v1.Counts{Inconclusive: 1}},
	} {
		t.Run(fmt.Sprintf("%s %s %s", tc.must, tc.obs.Result, tc.obs.Receiver), func(t *testing.T) {
			var got Tally
			got.Connect(Segment{}, flows.Flow{}, tc.must == drop, tc.obs)
			if diff := cmp.Diff(tc.want, got.TCP); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An engine may deny by an answer, where that is said to be right.
func TestConnectRefused(t *testing.T) {
	for _, tc := range []struct {
		obs    probe.Observation
		leaked uint64
	}{
		{probe.Observation{Result: probe.Refused}, 0},
		{probe.Observation{Result: probe.Unreachable}, 0},
		{probe.Observation{Result: probe.Refused, Receiver: "server"}, 1},
		{probe.Observation{Result: probe.Connected}, 1},
	} {
		var got Tally
		got.Connect(Segment{Refusing: true}, flows.Flow{}, true, tc.obs)
		if diff := cmp.Diff(v1.Counts{MustDrop: 1, Leaked: tc.leaked}, got.TCP); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tc.obs, diff)
		}
	}
}

// Connections of a drift are counted apart, and leave the room for evidence to streams.
func TestConnectOfDrift(t *testing.T) {
	var got Tally
	got.Connect(Segment{Drift: true}, flows.Flow{}, true, probe.Observation{Result: probe.Connected})
	if diff := cmp.Diff(Tally{Tally: v1.Tally{Drift: v1.Counts{MustDrop: 1, Leaked: 1}}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVerdict(t *testing.T) {
	good := v1.Tally{UDP: v1.Counts{MustDrop: 1000, MustPass: 1000}, TCP: v1.Counts{MustDrop: 10, MustPass: 10}, Ticks: 2000, Missed: 100}
	limits := Limits{MustDrop: 1000, MaxMissed: 0.1, MaxUnsure: 0.01}
	for _, tc := range []struct {
		name   string
		change func(*v1.Tally)
		want   v1.Verdict
	}{
		{"right", func(*v1.Tally) {}, v1.VerdictPass},
		{"a packet leaked", func(t *v1.Tally) { t.UDP.Leaked = 1 }, v1.VerdictFail},
		{"a packet lost", func(t *v1.Tally) { t.UDP.Lost = 1 }, v1.VerdictFail},
		{"a connection leaked", func(t *v1.Tally) { t.TCP.Leaked = 1 }, v1.VerdictFail},
		{"a connection lost", func(t *v1.Tally) { t.TCP.Lost = 1 }, v1.VerdictFail},
		{"fail outweighs void", func(t *v1.Tally) { t.UDP.Leaked, t.Missed = 1, 2000 }, v1.VerdictFail},
		{"leaks of drift are apart", func(t *v1.Tally) { t.Drift.Leaked = 5 }, v1.VerdictPass},
		{"too few", func(t *v1.Tally) { t.UDP.MustDrop = 999 }, v1.VerdictVoid},
		{"too late", func(t *v1.Tally) { t.Missed = 201 }, v1.VerdictVoid},
		{"too many overflows", func(t *v1.Tally) { t.UDP.Overflow = 11 }, v1.VerdictVoid},
		{"too many inconclusive", func(t *v1.Tally) { t.TCP.Inconclusive = 1 }, v1.VerdictVoid},
		{"a receiver not asked", func(t *v1.Tally) { t.Unasked = 1 }, v1.VerdictVoid},
		{"nothing", func(t *v1.Tally) { *t = v1.Tally{} }, v1.VerdictVoid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tally := good
			tc.change(&tally)
			got, reasons := Verdict(tally, limits)
			if got != tc.want || (got == v1.VerdictPass) != (len(reasons) == 0) {
				t.Errorf("got %s %q, want %s", got, reasons, tc.want)
			}
		})
	}
}
