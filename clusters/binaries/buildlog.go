package binaries

import (
	"bytes"
	"strings"
	"sync"
)

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
