package page

import (
	"fmt"
	"math"
	"slices"
)

// Lanes show what happened when, a lane for each kind, and a table behind them.
type Lanes struct {
	Title  string
	To     float64 // right end, in any unit; the left end is 0
	Ticks  []string
	Lanes  []Lane
	Behind Table
}

// Lane is what happened of one kind.
type Lane struct {
	Name  string
	Spans []Span
}

// Span is something that lasted, or an instant when From is To.
type Span struct {
	From, To float64
	Tone     Tone
	Says     string
}

// Mark is the sign at the beginning of a span: colour never says alone that something is wrong.
func (s Span) Mark() string {
	switch s.Tone {
	case Bad:
		return "leak"
	case Warn:
		return "outage"
	case Plain, Good, Odd:
	}
	return ""
}

func (Lanes) template() string { return "lanes" }

// put adds a span to the lane of a name, which is a new one when there is none yet.
func (l *Lanes) put(name string, s Span) {
	i := slices.IndexFunc(l.Lanes, func(o Lane) bool { return o.Name == name })
	if i < 0 {
		i = len(l.Lanes)
		l.Lanes = append(l.Lanes, Lane{Name: name})
	}
	l.Lanes[i].Spans = append(l.Lanes[i].Spans, s)
}

// mostLanes is how many lanes are drawn, and one more for the rest.
const mostLanes = 24

// cut draws what is beyond the first lanes, so many things of a kind, in one lane.
func (l *Lanes) cut(what string) {
	more := len(l.Lanes) - mostLanes
	if more <= 1 {
		return
	}
	rest := Lane{Name: fmt.Sprintf("%d %s more", more, what)}
	for _, lane := range l.Lanes[mostLanes:] {
		rest.Spans = append(rest.Spans, lane.Spans...)
	}
	l.Lanes = append(l.Lanes[:mostLanes], rest)
}

// X is where something is drawn, in percent.
func (l Lanes) X(at float64) float64 {
	if l.To <= 0 {
		return 0
	}
	return hundredth(min(max(100*at/l.To, 0), 99.8))
}

// Width is how wide a span is drawn, in percent: never too thin to be seen.
func (l Lanes) Width(s Span) float64 { return hundredth(max(l.X(s.To)-l.X(s.From), 0.3)) }

func hundredth(v float64) float64 { return math.Round(v*100) / 100 }
