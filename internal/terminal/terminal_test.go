package terminal_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/internal/terminal"
	"github.com/netassay/netassay/internal/terminal/terminaltest"
)

func span(text string) func() []terminal.Span {
	return func() []terminal.Span { return []terminal.Span{{Text: text}} }
}

func ends(with string) func([]string) bool {
	return func(lines []string) bool { return len(lines) > 0 && lines[len(lines)-1] == with }
}

// Lines stay, the live line is below them, and nothing is left of it.
func TestLiveLine(t *testing.T) {
	screen := terminaltest.Open(t, 40)
	out, errs := terminal.Both(screen.File, screen.File)
	hide := errs.Show(span("1 of 3"))
	screen.Await(ends("1 of 3"))
	fmt.Fprintln(errs, "progress")
	fmt.Fprint(out, "a result in ")
	fmt.Fprintln(out, "two pieces")
	got := screen.Await(func(lines []string) bool { return len(lines) == 3 && ends("1 of 3")(lines) })
	if diff := cmp.Diff([]string{"progress", "a result in two pieces", "1 of 3"}, got); diff != "" {
		t.Errorf("while it is live (-want +got):\n%s", diff)
	}
	hide()
	hide()
	fmt.Fprintln(out, "the end")
	if diff := cmp.Diff([]string{"progress", "a result in two pieces", "the end"}, screen.End()); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

// A line that can't be shown yet is no line, and one that has nothing to say any more goes away.
func TestNothingToShow(t *testing.T) {
	screen := terminaltest.Open(t, 40)
	w := terminal.On(screen.File)
	var text atomic.Pointer[string]
	say := func(s string) { text.Store(&s) }
	say("")
	hide := w.Show(func() []terminal.Span { return span(*text.Load())() })
	say("here")
	screen.Await(ends("here"))
	say("")
	screen.Await(func(lines []string) bool { return len(lines) == 0 })
	hide()
	if left := screen.End(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// The second live line takes the place of the first, whose end takes nothing away.
func TestOneLiveLine(t *testing.T) {
	screen := terminaltest.Open(t, 40)
	w := terminal.On(screen.File)
	first := w.Show(span("first"))
	screen.Await(ends("first"))
	second := w.Show(span("second"))
	screen.Await(ends("second"))
	first()
	fmt.Fprintln(w, "a line")
	screen.Await(ends("second"))
	second()
	if diff := cmp.Diff([]string{"a line"}, screen.End()); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

// Whatever the width was when a line was drawn, nothing of it is left.
func TestNarrowAndResized(t *testing.T) {
	screen := terminaltest.Open(t, 60)
	w := terminal.On(screen.File)
	long := "…" + strings.Repeat("0123456789", 10)
	hide := w.Show(func() []terminal.Span {
		return []terminal.Span{{Text: long[:8]}, {Text: long[8:], Colour: terminal.Red}}
	})
	for i, columns := range []int{60, 25, 100, 2, 33} {
		screen.Resize(columns)
		want := string([]rune(long)[:columns-1])
		lines := screen.Await(ends(want))
		if n := len(lines); n > i+1 {
			t.Errorf("%d columns: %d lines, want at most %d:\n%s", columns, n, i+1, strings.Join(lines, "\n"))
		}
		fmt.Fprintln(w, i)
	}
	hide()
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, screen.End()); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

// Many who write at once tear nobody's line.
func TestManyWriters(t *testing.T) {
	screen := terminaltest.Open(t, 40)
	out, errs := terminal.Both(screen.File, screen.File)
	var n atomic.Int64
	hide := errs.Show(func() []terminal.Span { return span(fmt.Sprintf("%d lines so far", n.Load()))() })
	var all sync.WaitGroup
	var want []string
	for i := range 8 {
		for j := range 50 {
			want = append(want, fmt.Sprintf("%d-%d", i, j))
		}
		all.Go(func() {
			for j := range 50 {
				fmt.Fprintf([]*terminal.Writer{out, errs}[j%2], "%d-%d\n", i, j)
				n.Add(1)
			}
		})
	}
	all.Wait()
	hide()
	got := screen.End()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// Where there is no terminal, or none that can, lines pass as they are, without colour.
func TestPlain(t *testing.T) {
	for _, tc := range []struct {
		name         string
		env          map[string]string
		file         bool
		live, colour bool
	}{
		{"a terminal", nil, true, true, true},
		{"without colour", map[string]string{"NO_COLOR": "1"}, true, true, false},
		{"a dumb one", map[string]string{"TERM": "dumb"}, true, false, false},
		{"one of which nothing is known", map[string]string{"TERM": ""}, true, false, false},
		{"in CI", map[string]string{"CI": "true"}, true, false, false},
		{"not in CI", map[string]string{"CI": "false"}, true, true, true},
		{"a pipe", nil, false, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			screen := terminaltest.Open(t, 40)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			var pipe bytes.Buffer
			w := terminal.On(&pipe)
			if tc.file {
				w = terminal.On(screen.File)
			}
			hide := w.Show(span("live"))
			if w.Live() {
				screen.Await(ends("live"))
			}
			hide()
			fmt.Fprintln(w, w.Good("good"), w.Bad("bad"), w.Doubtful("doubtful"))
			screen.End()
			raw := screen.Raw() + pipe.String()
			if got := strings.Contains(raw, "live"); got != tc.live || w.Live() != tc.live {
				t.Errorf("a live line %v, it says %v, want %v", got, w.Live(), tc.live)
			}
			if got := strings.Contains(raw, "\x1b[32mgood\x1b[0m \x1b[31mbad\x1b[0m \x1b[33mdoubtful\x1b[0m"); got != tc.colour {
				t.Errorf("colour %v, want %v: %q", got, tc.colour, raw)
			}
			if !tc.live && strings.Contains(raw, "\x1b") {
				t.Errorf("escape sequences in %q", raw)
			}
			if !utf8.ValidString(raw) {
				t.Errorf("%q is no text", raw)
			}
		})
	}
}

// Writers are given back as they are, and a file that is no terminal is none.
func TestOn(t *testing.T) {
	w := terminal.On(nil)
	if terminal.On(w) != w || w.Live() {
		t.Error("a Writer has become another one")
	}
	f, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("CI", "")
	if terminal.On(f).Live() {
		t.Error("a file has a live line")
	}
}
