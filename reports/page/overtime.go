package page

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// overTime are the findings of sentinels on the clock of the run.
func overTime(run *v1.Run) []Block {
	s := run.Sentinel
	if s == nil {
		return []Block{Facts{{"Sentinels", "none were watched in this run"}}}
	}
	end := run.Finished
	for i := range s.Findings {
		f := &s.Findings[i]
		if last := f.At.Add(f.To - f.From); last.After(end) {
			end = last
		}
	}
	blocks := []Block{sentinelFacts(s)}
	if len(s.Findings) == 0 {
		return blocks
	}
	total := end.Sub(run.Started).Seconds()
	lanes := Lanes{
		Title: fmt.Sprintf("What flows that no case may touch went through, over %s", took(end.Sub(run.Started))),
		To:    total, Ticks: ticks(total), Behind: findingsTable(s.Findings),
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		from := f.At.Sub(run.Started).Seconds()
		lanes.put(f.Flow+" "+f.Protocol, Span{From: from, To: from + (f.To - f.From).Seconds(), Tone: toneOf(f), Says: says(f)})
	}
	slices.SortStableFunc(lanes.Lanes, func(a, b Lane) int { return len(b.Spans) - len(a.Spans) })
	lanes.cut("flows")
	return append(blocks, lanes)
}

func sentinelFacts(s *v1.Sentinel) Facts {
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

func says(f *v1.Finding) string {
	return fmt.Sprintf("%s %s of %s %s, for %s", count(f.Count), f.What, f.Flow, f.Protocol, lasted(f.To-f.From))
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
	var out []string
	for i := range parts + 1 {
		out = append(out, lasted(time.Duration(seconds*float64(i)/parts*float64(time.Second))))
	}
	return out
}

func findingsTable(findings []v1.Finding) Table {
	t := Table{Caption: fmt.Sprintf("Findings: %s", count(len(findings))), Fold: true, Head: Columns("At", "What", "#Packets", "Flow", "Phase", "#For", "While")}
	for i := range findings {
		f := &findings[i]
		var during []string
		for _, a := range f.During {
			during = append(during, fmt.Sprintf("%s: %s", a.Case, a.Step))
		}
		at := lasted(f.From)
		if !f.At.IsZero() {
			at = clock(f.At)
		}
		t.Rows = append(t.Rows, []Cell{
			{Text: at},
			{Text: f.What, Tone: toneOf(f)},
			{Text: count(f.Count)},
			{Text: f.Flow + " " + f.Protocol},
			{Text: f.Phase},
			{Text: lasted(f.To - f.From)},
			{Text: strings.Join(during, "; ")},
		})
	}
	return t
}
