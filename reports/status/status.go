package status

import (
	"fmt"
	"strings"
	"sync"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Part is a piece of the line. Its tone is v1.Fail for what is wrong, v1.Inconclusive for what
// is in doubt, and nothing for all else.
type Part struct {
	Text string
	Tone v1.Outcome
}

// Run counts the records of one run. It is safe for use by several goroutines.
type Run struct {
	mu    sync.Mutex
	began time.Time
	ended bool
	tell  func(r *Run, now time.Time) line // what an experiment shows; nil before its conditions

	// Of conformance and fuzz.
	planned        map[string]bool // cases
	before         int             // of these, what earlier runs have judged
	lasts          float64         // seconds in which cases are begun
	cases          int
	failed, doubts int // cases
	cells, wrong   int
	found          int
	// Of chaos and scale.
	faults, samples, censored, void int
	bad                             uint64 // packets, of which evidence is kept
	at                              string // the backend and phase, or engine and transition, that came last
	// Of the check.
	steps int
}

// Record counts one record; it takes no time.
func (r *Run) Record(record v1.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch v := record.(type) {
	case *v1.RunConditions:
		r.begin(v.Started, (*Run).conformance)
		r.plan(v)
	case *v1.FuzzConditions:
		r.begin(v.Started, (*Run).fuzz)
		r.lasts = v.Seconds
	case *v1.ChaosConditions:
		r.begin(v.Started, (*Run).chaos)
	case *v1.MigrationConditions:
		r.begin(v.Started, (*Run).migration)
	case *v1.AuditConditions:
		r.begin(v.Started, (*Run).audit)
	case *v1.ScaleConditions:
		r.begin(v.Started, (*Run).scale)
	case *v1.CheckConditions:
		r.begin(v.Started, (*Run).check)
	case *v1.Conclusion:
		r.ended = true
	default:
		r.count(record)
	}
}

func (r *Run) count(record v1.Record) {
	switch v := record.(type) {
	case *v1.Case:
		if r.planned[v.Name] {
			r.ending(v.Outcome)
		}
	case *v1.PlayedCase:
		r.cells += v.Cells
		r.ending(v.Outcome)
	case *v1.FoundCase:
		r.found++
	case *v1.Cell:
		r.cells++
		if v.Outcome == v1.Fail {
			r.wrong++
		}
	case *v1.AuditFlow:
		r.cells++
		if v.Outcome == v1.Fail {
			r.wrong++
		}
	case *v1.Fault:
		r.faults++
		r.at = strings.TrimPrefix(v.Backend+", "+v.Phase, ", ")
	case *v1.Finding:
		r.bad += v.Count
	case *v1.Exposure:
		r.bad += v.Count
	case *v1.Sample:
		r.sample(v)
	case *v1.CheckStep:
		r.steps++
		if !v.OK {
			r.wrong++
		}
	}
}

// begin takes the conditions, which come again when more of them is known.
func (r *Run) begin(at time.Time, tell func(*Run, time.Time) line) { r.began, r.tell = at, tell }

func (r *Run) plan(c *v1.RunConditions) {
	r.planned = map[string]bool{}
	for _, name := range c.Order {
		r.planned[name] = true
	}
	r.before = 0
	for _, p := range c.Resumed {
		r.before += p.Cases
	}
}

// ending counts a case.
func (r *Run) ending(o v1.Outcome) {
	r.cases++
	switch o {
	case v1.Fail, v1.Error:
		r.failed++
	case v1.Inconclusive:
		r.doubts++
	default: // right, or not judged
	}
}

func (r *Run) sample(s *v1.Sample) {
	r.samples++
	switch {
	case s.Void != "":
		r.void++
	case s.Stable == nil:
		r.censored++
	}
	r.bad += s.Leaked + s.Lost
	r.at = s.Engine + ", " + s.Transition
}

// Line is the line at that time, nothing before the run has begun and after it has ended.
func (r *Run) Line(now time.Time) []Part {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tell == nil || r.ended {
		return nil
	}
	return r.tell(r, now)
}

func (r *Run) conformance(now time.Time) line {
	var l line
	l.add("", "%d of %d cases", r.cases, len(r.planned))
	l.count(v1.Fail, r.failed, "failed")
	l.count(v1.Inconclusive, r.doubts, "inconclusive")
	l.count(v1.Fail, r.wrong, "wrong cell+")
	l.rate(r.cells, now.Sub(r.began))
	l.add("", "%s", Clock(now.Sub(r.began)))
	played, left := r.cases-r.before, len(r.planned)-r.cases
	if played >= enough && left > 0 {
		l.add("", "%s to go", Clock(now.Sub(r.began)/time.Duration(played)*time.Duration(left)))
	}
	return l
}

// enough are so many cases that their time says something about the others.
const enough = 5

func (r *Run) fuzz(now time.Time) line {
	var l line
	l.add("", "%s", number(r.cases, "case+"))
	l.count(v1.Fail, r.failed, "failed")
	l.count(v1.Fail, r.found, "made small")
	l.count(v1.Inconclusive, r.doubts, "inconclusive")
	l.rate(r.cells, now.Sub(r.began))
	l.add("", "%s, begun for %s", Clock(now.Sub(r.began)), Clock(time.Duration(r.lasts*float64(time.Second))))
	return l
}

func (r *Run) chaos(now time.Time) line {
	var l line
	l.add("", "%s", number(r.faults, "fault+"))
	l.count(v1.Fail, int(r.bad), "wrong packet+")
	l.where(r.at)
	l.add("", "%s", Clock(now.Sub(r.began)))
	return l
}

func (r *Run) migration(now time.Time) line {
	var l line
	l.count(v1.Fail, int(r.bad), "wrong packet+")
	l.where(r.at)
	l.add("", "%s", Clock(now.Sub(r.began)))
	return l
}

func (r *Run) audit(now time.Time) line {
	var l line
	l.add("", "%s", number(r.cells, "flow+"))
	l.count(v1.Fail, r.wrong, "wrong")
	l.add("", "%s", Clock(now.Sub(r.began)))
	return l
}

func (r *Run) scale(now time.Time) line {
	var l line
	l.add("", "%s", number(r.samples, "sample+"))
	l.count(v1.Fail, r.censored, "never right")
	l.count(v1.Inconclusive, r.void, "void")
	l.count(v1.Fail, int(r.bad), "wrong packet+")
	l.where(r.at)
	l.add("", "%s", Clock(now.Sub(r.began)))
	return l
}

func (r *Run) check(now time.Time) line {
	var l line
	l.add("", "%s", number(r.steps, "step+"))
	l.count(v1.Fail, r.wrong, "not as the page says")
	l.add("", "%s", Clock(now.Sub(r.began)))
	return l
}

// line is made of parts and what stands between them.
type line []Part

const between = " · "

func (l *line) add(tone v1.Outcome, format string, args ...any) {
	if len(*l) > 0 {
		*l = append(*l, Part{Text: between})
	}
	*l = append(*l, Part{Text: fmt.Sprintf(format, args...), Tone: tone})
}

// count says how many there are, unless there are none.
func (l *line) count(tone v1.Outcome, n int, what string) {
	if n > 0 {
		l.add(tone, "%s", number(n, what))
	}
}

// number is n of what, whose + is an s unless there is one.
func number(n int, what string) string {
	s := "s"
	if n == 1 {
		s = ""
	}
	return fmt.Sprintf("%d %s", n, strings.Replace(what, "+", s, 1))
}

func (l *line) where(at string) {
	if at != "" {
		l.add("", "%s", at)
	}
}

// rate is how many cells were judged each second, since the run began.
func (l *line) rate(cells int, took time.Duration) {
	if cells > 0 && took >= time.Second {
		l.add("", "%.0f cells/s", float64(cells)/took.Seconds())
	}
}

// Clock is a time as a person reads it: 9 s, 4m05s, 1h02m.
func Clock(d time.Duration) string {
	s := int(max(d, 0).Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}
