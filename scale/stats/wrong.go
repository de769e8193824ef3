package stats

import (
	"slices"
	"time"
)

// Step is a verdict from a time on.
type Step struct {
	At    time.Duration
	Allow bool
}

// Pair are the verdicts of one pair of pods over time, each list in order of time: what was
// right, and what was seen.
type Pair struct{ Want, Seen []Step }

// Wrong is how long verdicts were wrong: the sum over pairs, so that a minute of one pair
// and a second of sixty count the same.
type Wrong struct {
	Leak    time.Duration // should be denied, passed
	Outage  time.Duration // should pass, was denied
	Unknown time.Duration // nothing wanted, or nothing seen yet
}

// Backlog is how many pairs are wrong from a time on.
type Backlog struct {
	At             time.Duration
	Leaks, Outages int
}

// WrongTime sums the wrong time of pairs between from and until.
func WrongTime(pairs []Pair, from, until time.Duration) Wrong {
	var w Wrong
	for i := range pairs {
		pairs[i].pieces(from, until, func(from, until time.Duration, kind state) {
			switch kind {
			case leaking:
				w.Leak += until - from
			case cut:
				w.Outage += until - from
			case unknown:
				w.Unknown += until - from
			case right:
			}
		})
	}
	return w
}

// Curve is the number of wrong pairs over time, between from and until; its integral is
// their WrongTime.
func Curve(pairs []Pair, from, until time.Duration) []Backlog {
	deltas := map[time.Duration]*Backlog{from: {At: from}}
	at := func(t time.Duration) *Backlog {
		if deltas[t] == nil {
			deltas[t] = &Backlog{At: t}
		}
		return deltas[t]
	}
	for i := range pairs {
		pairs[i].pieces(from, until, func(from, until time.Duration, kind state) {
			switch kind {
			case leaking:
				at(from).Leaks++
				at(until).Leaks--
			case cut:
				at(from).Outages++
				at(until).Outages--
			case right, unknown:
			}
		})
	}
	var out []Backlog
	var now Backlog
	for _, d := range sorted(deltas) {
		next := Backlog{At: d.At, Leaks: now.Leaks + d.Leaks, Outages: now.Outages + d.Outages}
		if len(out) == 0 || next.Leaks != now.Leaks || next.Outages != now.Outages {
			out = append(out, next)
		}
		now = next
	}
	return out
}

func sorted(m map[time.Duration]*Backlog) []*Backlog {
	out := make([]*Backlog, 0, len(m))
	for _, b := range m {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *Backlog) int { return int(a.At - b.At) })
	return out
}

// state is what a pair is at one time.
type state int

const (
	unknown state = iota
	right
	leaking
	cut
)

// pieces calls with the stretches of time in which nothing changes.
func (p *Pair) pieces(from, until time.Duration, call func(from, until time.Duration, kind state)) {
	var want, seen *Step
	i, j := 0, 0
	for now := from; now < until; {
		for ; i < len(p.Want) && p.Want[i].At <= now; i++ {
			want = &p.Want[i]
		}
		for ; j < len(p.Seen) && p.Seen[j].At <= now; j++ {
			seen = &p.Seen[j]
		}
		next := until
		if i < len(p.Want) {
			next = min(next, p.Want[i].At)
		}
		if j < len(p.Seen) {
			next = min(next, p.Seen[j].At)
		}
		call(now, next, compare(want, seen))
		now = next
	}
}

func compare(want, seen *Step) state {
	switch {
	case want == nil || seen == nil:
		return unknown
	case want.Allow == seen.Allow:
		return right
	case seen.Allow:
		return leaking
	default:
		return cut
	}
}
