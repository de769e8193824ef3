package v1

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Stretch is probes in a row that showed the same of a cell: a word of its course.
type Stretch struct {
	Count int
	Proof byte // '+' for right, '-' for wrong, '?' for what proves nothing
	Seen  byte // the first letter of what was seen, as a course has it
	// From and To are when the first and the last were sent, from the ack of the step.
	From, To time.Duration
}

// Stretches are the words of the cell's course. There are none of a cell without a course, nor
// of one whose course can't be read.
func (c *Cell) Stretches() []Stretch {
	words := strings.Fields(c.Course)
	out := make([]Stretch, 0, len(words))
	for _, word := range words {
		s, ok := ReadStretch(word)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

// word is one of a course, as "30+d@45..1200", or "1+d@45" of a single probe. Ten digits of ms are
// months.
var word = regexp.MustCompile(`^(\d{1,10})([-+?])([a-z])@(-?\d{1,10})(?:\.\.(-?\d{1,10}))?$`)

// ReadStretch reads a word of a course, as "7-c@0..38".
func ReadStretch(text string) (Stretch, bool) {
	m := word.FindStringSubmatch(text)
	if m == nil {
		return Stretch{}, false
	}
	if m[5] == "" {
		m[5] = m[4]
	}
	number := func(digits string) int64 {
		n, _ := strconv.ParseInt(digits, 10, 64) // the pattern lets nothing else through
		return n
	}
	at := func(ms string) time.Duration { return time.Duration(number(ms)) * time.Millisecond }
	return Stretch{Count: int(number(m[1])), Proof: m[2][0], Seen: m[3][0], From: at(m[4]), To: at(m[5])}, true
}
