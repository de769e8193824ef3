package binaries

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/netassay/netassay/internal/terminal"
)

// How often a build says how far it is. A terminal's line is rewritten; a log gets a line.
const (
	terminalEvery = time.Second
	logEvery      = 10 * time.Second
)

// A progress writes what is going on, for a person who waits. All its methods may be
// called at the same time, and on a silent one.
type progress struct {
	every time.Duration
	out   *terminal.Writer

	status atomic.Pointer[string]
	mu     sync.Mutex
	hide   func() // the status; nil when there is none
}

// newProgress writes to w; nil is silent.
func newProgress(w io.Writer) *progress {
	p := &progress{every: logEvery, out: terminal.On(w)}
	if p.out.Live() {
		p.every = terminalEvery
	}
	return p
}

// line writes a line that stays. That it can't be seen must not stop a build.
func (p *progress) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

// tell writes a line that the next one replaces on a terminal.
func (p *progress) tell(format string, args ...any) {
	if !p.out.Live() {
		p.line(format, args...)
		return
	}
	text := fmt.Sprintf(format, args...)
	p.status.Store(&text)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hide == nil {
		p.hide = p.out.Show(p.look)
	}
}

func (p *progress) look() []terminal.Span { return []terminal.Span{{Text: *p.status.Load()}} }

// waiting tells who is building a thing that this process waits for.
func (p *progress) waiting(what, dir string) func(holder string) {
	return func(holder string) { p.line("waiting for %s, which is building %s in %s", holder, what, dir) }
}

// clear wipes what was told from a terminal.
func (p *progress) clear() {
	p.mu.Lock()
	hide := p.hide
	p.hide = nil
	p.mu.Unlock()
	if hide != nil {
		hide()
	}
}

// tailLines is how much of a failed build's output an error carries.
const tailLines = 20

// A buildLog reads the output of go build -v: it counts what is going well and keeps the
// rest, which is what went wrong.
type buildLog struct {
	mu        sync.Mutex
	partial   []byte
	downloads int
	packages  int
	rest      []string
}

// Write never fails.
func (l *buildLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, b...)
	for {
		line, after, ok := bytes.Cut(l.partial, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		l.add(string(line))
		l.partial = after
	}
}

// add sorts one line: go build -v prints the import path of each package that it
// compiles, and "go: downloading MODULE VERSION" for each module that it fetches.
func (l *buildLog) add(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		l.downloads++
	case line != "" && !strings.ContainsAny(line, " :"):
		l.packages++
	default:
		l.rest = append(l.rest, line)
		if len(l.rest) > tailLines {
			l.rest = l.rest[1:]
		}
	}
}

func (l *buildLog) counts() (downloads, packages int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.downloads, l.packages
}

// tail is the end of what was neither a package nor a download.
func (l *buildLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.rest
	if len(l.partial) > 0 {
		lines = append(lines[:len(lines):len(lines)], string(l.partial))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
