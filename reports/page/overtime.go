package page

import (
	"fmt"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// overTime is what went wrong, on the clock of the run: of sentinels, and of cells.
func overTime(run *v1.Run) []Block {
	blocks := []Block{sentinelFacts(run.Sentinel)}
	all, undated := incidents(run)
	if undated > 0 {
		blocks = append(blocks, Facts{{"Wrong, at an unknown time", count(undated) + ": the records of this run don't say when its steps were done"}})
	}
	if len(all) == 0 {
		return blocks
	}
	begin, end := run.Started, run.Finished
	for i := range all {
		if from := all[i].from; from.Before(begin) { // in a part that was gone on with
			begin = from
		}
		if last := all[i].from.Add(all[i].lasted); last.After(end) {
			end = last
		}
	}
	total := end.Sub(begin).Seconds()
	lanes := Lanes{
		Title: fmt.Sprintf("What went wrong in %s, from %s on", took(end.Sub(begin)), clock(begin)),
		To:    total, Ticks: ticks(total), Behind: incidentsTable(all, begin),
	}
	for i := range all[:min(len(all), mostRows)] {
		a := &all[i]
		from := a.from.Sub(begin).Seconds()
		lanes.put(a.lane, Span{From: from, To: from + a.lasted.Seconds(), Tone: a.tone, Says: fmt.Sprintf("%s %s, for %s. %s", a.what, a.which, lasted(a.lasted), a.while)})
	}
	lanes.cut("lanes")
	return append(blocks, lanes)
}

func incidentsTable(all []incident, begin time.Time) Table {
	t := Table{Caption: fmt.Sprintf("What went wrong, and when: %s", count(len(all))), Fold: true, Head: Columns("#At", "#After", "What", "Which", "While", "#For")}
	if len(all) > mostRows {
		t.Caption += fmt.Sprintf(", the first %d", mostRows)
		all = all[:mostRows]
	}
	for i := range all {
		a := &all[i]
		t.Rows = append(t.Rows, []Cell{
			{Text: clock(a.from)},
			{Text: fmt.Sprintf("%.1f s", a.from.Sub(begin).Seconds())},
			{Text: a.what, Tone: a.tone},
			{Text: a.which},
			{Text: a.while, Link: a.link},
			{Text: lasted(a.lasted)},
		})
	}
	return t
}

func sentinelFacts(s *v1.Sentinel) Facts {
	if s == nil {
		return Facts{{"Sentinels", "none were watched in this run"}}
	}
	rate := func(part, all uint64) string { return fmt.Sprintf("%s of %s", count(part), count(all)) }
	return facts(
		"Sentinels", strings.ToLower(string(s.Outcome))+" "+s.Reason,
		"Watched", fmt.Sprintf("%d flows for %.1f s, a packet each %g ms", s.Flows, s.Seconds, s.IntervalMS),
		"Packets leaked", rate(s.UDP.Leaked, s.UDP.MustDrop), "Packets lost", rate(s.UDP.Lost, s.UDP.MustPass),
		"New connections leaked", rate(s.TCP.Leaked, s.TCP.MustDrop), "New connections lost", rate(s.TCP.Lost, s.TCP.MustPass),
		"Noise floor, packets lost", rate(s.Floor.Lost, s.Floor.Sent), "Noise floor, connections lost", rate(s.Floor.Failed, s.Floor.Connections),
		"Noise floor, a connection takes", fmt.Sprintf("p50 %s, p99 %s, max %s", ms(s.Floor.DelayP50), ms(s.Floor.DelayP99), ms(s.Floor.DelayMax)),
	)
}

func toneOf(f *v1.Finding) Tone {
	if f.What == "leaked" {
		return Bad
	}
	return Warn
}

func lasted(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// ticks are labels from 0 to so many seconds.
func ticks(seconds float64) []string {
	const parts = 4
	out := []string{"0"}
	for i := range parts {
		at := time.Duration(seconds * float64(i+1) / parts * float64(time.Second))
		if at < 10*time.Second {
			out = append(out, lasted(at))
		} else {
			out = append(out, took(at))
		}
	}
	return out
}

// during are the steps of cases that were at work when something was found.
func during(f *v1.Finding) string {
	var all []string
	for _, a := range f.During {
		all = append(all, fmt.Sprintf("%s: %s", a.Case, a.Step))
	}
	return strings.Join(all, "; ")
}
