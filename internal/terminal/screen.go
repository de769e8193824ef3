package terminal

import (
	"io"
	"strings"
	"sync"
	"time"
)

// every is the least time between two looks of the live line.
const every = 250 * time.Millisecond

// Escape sequences that every terminal knows which is not dumb.
const (
	wipeBelow = "\r\x1b[J" // the line and all below it
	unbroken  = "\x1b[?7l" // what is too long is cut off: a terminal may just have become narrower
	broken    = "\x1b[?7h" // what is too long goes on in the next line
	reset     = "\x1b[0m"
)

// Colour is one of few, each with a meaning.
type Colour string

// The colours.
const (
	None   Colour = ""
	Red    Colour = "\x1b[31m" // wrong
	Green  Colour = "\x1b[32m" // right
	Yellow Colour = "\x1b[33m" // in doubt
)

// Span is a piece of a live line, without line breaks.
type Span struct {
	Text   string
	Colour Colour
}

// screen is a terminal. The cursor waits at the beginning of the live line: whatever a terminal
// makes of a line that has become too long for it, all of it is behind the cursor, and wiped.
type screen struct {
	to     io.Writer
	width  func() int
	colour bool

	mu     sync.Mutex
	line   func() []Span // nil: there is none
	shows  int           // live lines that there were
	shown  string        // "" when it is wiped
	drawn  time.Time
	within bool // somebody's line has not ended
}

// wipe takes the live line away. The lock is held.
func (s *screen) wipe() {
	if s.shown != "" {
		_, _ = io.WriteString(s.to, wipeBelow) // what can't be seen stops nobody
		s.shown = ""
	}
}

// draw shows the live line as it is now, unless it was drawn a moment ago: then the next tick
// does. The lock is held.
func (s *screen) draw(now time.Time) {
	if s.line == nil || s.within || now.Sub(s.drawn) < every/2 {
		return
	}
	text := fit(s.line(), s.width(), s.colour)
	if text == s.shown {
		return
	}
	s.drawn = now
	if text == "" {
		s.wipe()
		return
	}
	_, _ = io.WriteString(s.to, wipeBelow+unbroken+text+broken+"\r")
	s.shown = text
}

// fit cuts a line off before the last column: beyond it a terminal would break the line.
func fit(line []Span, width int, colour bool) string {
	var b strings.Builder
	left := width - 1
	for _, s := range line {
		text := []rune(s.Text)
		if len(text) > left {
			text = text[:max(0, left)]
		}
		left -= len(text)
		b.WriteString(paint(string(text), s.Colour, colour))
	}
	return b.String()
}

// paint is text in a colour, where there is any.
func paint(text string, c Colour, colour bool) string {
	if !colour || c == None || text == "" {
		return text
	}
	return string(c) + text + reset
}

// Good is text about what is right.
func (w *Writer) Good(text string) string { return paint(text, Green, w.colour) }

// Bad is text about what is wrong.
func (w *Writer) Bad(text string) string { return paint(text, Red, w.colour) }

// Doubtful is text about what nobody knows.
func (w *Writer) Doubtful(text string) string { return paint(text, Yellow, w.colour) }
