package judge

import (
	"fmt"
	"strings"
	"time"
)

// Course tells the observations of a cell that count in the order in which they were sent, those
// in a row that show the same in one word, as v1.Cell has it: "7-c@0..38 30+d@45..1200" are 7 of
// 0 to 38 ms after the ack that connected and were wrong, and then 30 that were dropped and right.
func Course(c *Cell, w Window) string {
	var rows []alike
	obs := ordered(c, w)
	for i := range obs {
		o := &obs[i]
		shows, at := prove(c, o, w).sign()+o.Result.letter(), whole(o.Sent-w.Acked)
		if n := len(rows); n == 0 || rows[n-1].shows != shows {
			rows = append(rows, alike{shows: shows, first: at})
		}
		row := &rows[len(rows)-1]
		row.n, row.last = row.n+1, at
	}
	words := make([]string, len(rows))
	for i, r := range rows {
		words[i] = r.word()
	}
	return strings.Join(words, " ")
}

// alike are observations in a row that show the same.
type alike struct {
	n           int
	shows       string
	first, last int64 // when they were sent, in ms from the ack
}

func (a alike) word() string {
	word := fmt.Sprintf("%d%s@%d", a.n, a.shows, a.first)
	if a.last != a.first {
		word += fmt.Sprintf("..%d", a.last)
	}
	return word
}

func whole(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }

// sign is + for right, - for wrong, ? for what proves nothing.
func (p proof) sign() string {
	switch p {
	case proofRight:
		return "+"
	case proofWrong:
		return "-"
	case proofNone:
	}
	return "?"
}

// letter is the first of what was seen, in lower case.
func (r Result) letter() string {
	if r == "" {
		return "i"
	}
	return strings.ToLower(string(r[:1]))
}
