package judge

import (
	"fmt"
	"strings"
	"time"
)

// Course tells all observations of a cell in the order in which they were sent, those in a row
// that show the same in one word, as v1.Cell has it: "7-c@0..38 30+d@45..1200" are 7 of 0 to 38
// ms after the ack that connected and were wrong, and then 30 that were dropped and right.
func Course(c *Cell, w Window) string {
	var b strings.Builder
	var what string
	var n int
	var from, to time.Duration
	flush := func() {
		if n == 0 {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d%s@%d", n, what, whole(from-w.Acked))
		if whole(to) != whole(from) {
			fmt.Fprintf(&b, "..%d", whole(to-w.Acked))
		}
	}
	obs := ordered(c, w)
	for i := range obs {
		o := &obs[i]
		is := prove(c, o, w).sign() + o.Result.letter()
		if is != what {
			flush()
			what, n, from = is, 0, o.Sent
		}
		n, to = n+1, o.Sent
	}
	flush()
	return b.String()
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
