package page

import "math"

// Lanes show what happened when, a lane for each kind, and a table behind them.
type Lanes struct {
	Title  string
	From   float64 // left end, in any unit
	To     float64 // right end
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

// wide is how many units a lane is wide in its own coordinates.
const wide = 1000

// X is where something is drawn.
func (l Lanes) X(at float64) float64 {
	if l.To <= l.From {
		return 0
	}
	return tenth(min(max(wide*(at-l.From)/(l.To-l.From), 0), wide-2))
}

// Width is how wide a span is drawn: never too thin to be seen.
func (l Lanes) Width(s Span) float64 { return tenth(max(l.X(s.To)-l.X(s.From), 3)) }

func tenth(v float64) float64 { return math.Round(v*10) / 10 }
