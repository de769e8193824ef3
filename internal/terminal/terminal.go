package terminal

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Writer takes whole lines, or pieces of them. It is safe for use by several goroutines.
type Writer struct {
	to     io.Writer
	screen *screen // that to is; nil where no line can be live
	colour bool
}

// On writes to w. A Writer is given back as it is.
func On(w io.Writer) *Writer {
	if own, ok := w.(*Writer); ok {
		return own
	}
	if w == nil {
		w = io.Discard
	}
	on := &Writer{to: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || plain() {
		return on
	}
	on.colour = os.Getenv("NO_COLOR") == ""
	on.screen = &screen{to: f, width: func() int { return width(f) }, colour: on.colour}
	return on
}

// Both writes results to out and progress to err. Where both are terminals they are one, and the
// live line is below what either writes.
func Both(out, err io.Writer) (o, e *Writer) {
	o, e = On(out), On(err)
	if o.screen != nil && e.screen != nil {
		o.screen = e.screen
	}
	return o, e
}

// plain reports whether a terminal, or who reads along, can do no more than show lines.
func plain() bool {
	switch os.Getenv("CI") {
	case "", "false", "0":
	default:
		return true
	}
	kind := os.Getenv("TERM")
	return kind == "" || kind == "dumb"
}

// width is that of a terminal as it is now, in columns.
func width(f *os.File) int {
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}

// Live reports whether there can be a live line.
func (w *Writer) Live() bool { return w.screen != nil }

// Write writes what stays.
func (w *Writer) Write(p []byte) (int, error) {
	if w.screen == nil {
		return w.to.Write(p)
	}
	s := w.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	n, err := w.to.Write(p)
	if len(p) > 0 {
		s.within = p[len(p)-1] != '\n'
	}
	s.draw(time.Now())
	return n, err
}

// Show has line be the live line until hide is called: it is asked some times a second, must not
// write, and gives nothing while there is nothing to show. Where no line can be live it is never
// asked. There is one at a time: a second one takes the place of the first.
func (w *Writer) Show(line func() []Span) (hide func()) {
	s := w.screen
	if s == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	s.mu.Lock()
	s.line = line
	s.shows++
	turn := s.shows
	s.mu.Unlock()
	go func() {
		defer close(ended)
		s.follow(done, turn)
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-ended
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.shows == turn {
			s.line = nil
			s.wipe()
		}
	})
}

// follow draws the live line again and again.
func (s *screen) follow(done <-chan struct{}, turn int) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.mu.Lock()
		if s.shows == turn {
			s.draw(time.Now())
		}
		s.mu.Unlock()
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}
