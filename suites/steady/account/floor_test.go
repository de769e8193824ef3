package account

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
)

// loss is a finding of n packets or connections that were lost at a second.
func loss(protocol string, at float64, n uint64) v1.Finding {
	from := time.Duration(at * float64(time.Second))
	return v1.Finding{What: lost, Protocol: protocol, Count: n, From: from, To: from + time.Duration(n)*time.Millisecond}
}

func leak(n uint64) v1.Finding { return v1.Finding{What: leaked, Protocol: udp, Count: n} }

// with is a tally of a good run with these findings in it, counted.
func with(base v1.Tally, all ...v1.Finding) Tally {
	t := Tally{Tally: base, Findings: all}
	for _, f := range all {
		counts := &t.UDP
		if f.Protocol == tcp {
			counts = &t.TCP
		}
		if f.What == leaked {
			counts.Leaked += f.Count
		} else {
			counts.Lost += f.Count
		}
	}
	return t
}

func TestAgainst(t *testing.T) {
	good := v1.Tally{UDP: v1.Counts{MustDrop: 90_000, MustPass: 90_000}, TCP: v1.Counts{MustDrop: 90, MustPass: 900}, Ticks: 180_000}
	change := func(do func(*v1.Tally)) v1.Tally {
		t := good
		do(&t)
		return t
	}
	calm := with(good)
	for _, tc := range []struct {
		name           string
		policed, floor Tally
		want           v1.Outcome
		kind           v1.FailureKind
		said           string // in the reason, or in a note of what passed
	}{
		{"right", calm, calm, v1.Pass, "", ""},
		{"one packet leaks", with(good, leak(1)), calm, v1.Fail, v1.Leak, "1 packets and 0 new connections leaked"},
		{"a leak convicts whatever the floor is", with(good, leak(1)), with(good, loss(udp, 1, 5000)), v1.Fail, v1.Leak, "leaked"},
		{"one connection leaks", with(good, v1.Finding{What: leaked, Protocol: tcp, Count: 1}), calm, v1.Fail, v1.Leak, "0 packets and 1 new"},
		{"one packet is lost", with(good, loss(udp, 1, 1)), calm, v1.Pass, "", "not more than noise"},
		{"one connection is lost", with(good, loss(tcp, 1, 1)), calm, v1.Pass, "", "not more than noise"},
		{"two packets are lost", with(good, loss(udp, 1, 2)), calm, v1.Fail, v1.Outage, "2 packets and 0 new connections were lost"},
		{"two packets are lost, apart", with(good, loss(udp, 1, 1), loss(udp, 7, 1)), calm, v1.Fail, v1.Outage, "2 packets"},
		{"a packet and a connection", with(good, loss(udp, 1, 1), loss(tcp, 1, 1)), calm, v1.Fail, v1.Outage, "1 packets and 1 new"},
		{"two connections", with(good, loss(tcp, 1, 1), loss(tcp, 5, 1)), calm, v1.Fail, v1.Outage, "0 packets and 2 new"},
		{"slow: two connections", with(good, loss(tcp, 1, 1), loss(tcp, 5, 1)), calm, v1.Pass, "", "0 and 0 at times"},
		{"slow: two packets", with(good, loss(udp, 1, 2)), calm, v1.Fail, v1.Outage, "2 packets"},
		{"slow: a leak", with(good, leak(1)), calm, v1.Fail, v1.Leak, "leaked"},
		{"the floor lost some then", with(good, loss(udp, 1, 50)), with(good, loss(udp, 1.04, 1)), v1.Pass, "", "0 and 0 at times"},
		{"the floor lost some shortly after", with(good, loss(udp, 1, 50)), with(good, loss(udp, 1.149, 1)), v1.Pass, "", "0 and 0 at times"},
		{"the floor lost some long after", with(good, loss(udp, 1, 50)), with(good, loss(udp, 1.151, 1)), v1.Fail, v1.Outage, "50 packets"},
		{"the floor loses as much at other times", with(good, loss(udp, 1, 6)), with(good, loss(udp, 5, 2)), v1.Pass, "", "6 and 0 at times"},
		{"the floor loses much less", with(good, loss(udp, 1, 7)), with(good, loss(udp, 5, 2)), v1.Fail, v1.Outage, "7 packets"},
		{"the receiver's own socket", with(change(func(t *v1.Tally) { t.UDP.Overflow = 9 })), calm, v1.Pass, "", "own sockets"},
		{"the floor is void", calm, with(good, loss(udp, 1, 91)), v1.Inconclusive, "", "lost 0.10 % of 90000"},
		{"the floor is void, and much is lost", with(good, loss(udp, 9, 9000)), with(good, loss(udp, 1, 91)), v1.Inconclusive, "", "too busy"},
		{"the floor is just good enough", calm, with(good, loss(udp, 1, 90)), v1.Pass, "", ""},
		{"little is proven", with(change(func(t *v1.Tally) { t.UDP.MustDrop, t.UDP.Unproven = 40, 60 })), calm, v1.Inconclusive, "", "of 100 packets that had to be dropped 40"},
		{"nothing had to be dropped", with(change(func(t *v1.Tally) { t.UDP.MustDrop = 0 })), calm, v1.Inconclusive, "", "of 0 packets"},
		{"no floor", calm, Tally{}, v1.Inconclusive, "", "nothing was sent"},
		{"a busy machine", with(change(func(t *v1.Tally) { t.Missed = 90_000 })), calm, v1.Pass, "", "missed 90000 of 360000 ticks"},
		{"a receiver that could not be asked", with(change(func(t *v1.Tally) { t.Unasked = 1 }), loss(udp, 1, 50)), calm, v1.Pass, "", "could not be asked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Against(tc.policed, tc.floor, strings.HasPrefix(tc.name, "slow"))
			said := strings.Join(append(got.Notes, got.Reason), "; ")
			if got.Outcome != tc.want || got.Kind != tc.kind || !strings.Contains(said, tc.said) {
				t.Errorf("got %+v, want %s %s with %q", got, tc.want, tc.kind, tc.said)
			}
			if (got.Reason == "") != (tc.want == v1.Pass) {
				t.Errorf("%s with reason %q", got.Outcome, got.Reason)
			}
		})
	}
}

// Random engines on random machines: what is said of one follows from its own packets, never
// from the machine's.
func TestAgainstJudgesTheEngineOnly(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	const n = 20_000
	for i := range 100 {
		// Stalls take all packets of the machine, holes only what a policy decides.
		stall, hole, leak := someOf(random, n, 1+random.Uint64N(2)*30), someOf(random, n, 20), someOf(random, n, 3)
		passes := func(i uint64) bool { return !stall(i) && !hole(i) }
		policed, floor := counted(
			stream(pass, four, report(0, n, passes)), stream(pass, six, report(0, n, passes)),
			stream(drop, four, report(0, n, leak)), stream(drop, six, report(0, n, none)),
		), counted(stream(pass, other, report(0, n, func(i uint64) bool { return !stall(i) })))
		got := Against(policed, floor, false)
		holes, alone := policed.UDP.Lost > 2*floor.UDP.Lost, floor.UDP.Lost == 0
		want := v1.Pass
		switch {
		case policed.UDP.Leaked > 0:
			want = v1.Fail
		case floor.UDP.Lost > n/1000:
			want = v1.Inconclusive
		case holes && alone:
			want = v1.Fail
		case holes: // near a stall or not, and more than noise or not
			want = got.Outcome
		}
		if got.Outcome != want {
			t.Fatalf("seed %d, run %d: %+v, want %s; policed %+v, floor %+v", seed, i, got, want, policed.UDP, floor.UDP)
		}
	}
}

// someOf are none or some consecutive packets of n, at most so many.
func someOf(random *rand.Rand, n, most uint64) func(uint64) bool {
	from, length := random.Uint64N(n-most), random.Uint64N(most+1)
	if random.IntN(2) == 0 {
		length = 0
	}
	return func(i uint64) bool { return from <= i && i < from+length }
}

func counted(all ...flows.Watched) Tally {
	var t Tally
	t.Segment(Segment{Streams: all})
	return t
}
