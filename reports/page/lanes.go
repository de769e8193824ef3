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

// mostLanes is how many lanes are drawn; the table behind them has the rest.
const mostLanes = 24

// cut leaves the first lanes, and says how many more of what there are.
func (l *Lanes) cut(what string) {
	if more := len(l.Lanes) - mostLanes; more > 0 {
		l.Lanes = l.Lanes[:mostLanes]
		l.Title += fmt.Sprintf("; %d %s more are in the table", more, what)
	}
}

// wide is how many units a lane is wide in its own coordinates.
const wide = 1000

// X is where something is drawn.
func (l Lanes) X(at float64) float64 {
	if l.To <= 0 {
		return 0
	}
	return tenth(min(max(wide*at/l.To, 0), wide-2))
}

// Width is how wide a span is drawn: never too thin to be seen.
func (l Lanes) Width(s Span) float64 { return tenth(max(l.X(s.To)-l.X(s.From), 3)) }

func tenth(v float64) float64 { return math.Round(v*10) / 10 }
