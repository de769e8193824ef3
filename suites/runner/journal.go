package runner

import (
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// journal is which steps of cases were at work when. It is safe for use by several goroutines.
type journal struct {
	mu      sync.Mutex
	entries []*entry
}

type entry struct {
	v1.Activity
	begun, ended time.Duration // ended is 0 while it is at work
}

// begin notes that a step is at work, whose actions these are; end notes that it is no more.
func (j *journal) begin(at time.Duration, name, step string, do []cases.Action) (end func(at time.Duration)) {
	var actions []string
	for _, a := range do {
		actions = append(actions, a.String())
	}
	e := &entry{Activity: v1.Activity{Case: name, Step: step, Actions: strings.Join(actions, ", ")}, begun: at}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	return func(at time.Duration) {
		j.mu.Lock()
		defer j.mu.Unlock()
		e.ended = at
	}
}

// during are the steps that were at work at some time in from..to, in the order in which they
// were begun, each once.
func (j *journal) during(from, to time.Duration) []v1.Activity {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []v1.Activity
	for _, e := range j.entries {
		if e.begun <= to && (e.ended == 0 || e.ended >= from) && !slices.Contains(out, e.Activity) {
			out = append(out, e.Activity)
		}
	}
	return out
}
