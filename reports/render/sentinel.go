package render

import (
	"fmt"
	"strings"
	"time"

	v1 "github.com/netassay/netassay/reports/v1"
)

// sentinel is what flows showed whose verdict nothing was to change, in a few lines.
func (t *text) sentinel(run *v1.Run, f v1.Figures) {
	if s := run.Sentinel; s != nil {
		t.line("sentinels    %s: %d flows watched for %.1f s, a packet each %s", strings.ToLower(string(s.Outcome)), s.Flows, s.Seconds, ms(s.IntervalMS))
		t.line("             packets: %d of %d leaked, %d of %d lost; new connections: %d of %d leaked, %d of %d lost",
			s.UDP.Leaked, s.UDP.MustDrop, s.UDP.Lost, s.UDP.MustPass, s.TCP.Leaked, s.TCP.MustDrop, s.TCP.Lost, s.TCP.MustPass)
		t.line("noise floor  %d of %d packets and %d of %d new connections lost between pods without a policy; these took p50 %s, p99 %s, max %s",
			s.Floor.Lost, s.Floor.Sent, s.Floor.Failed, s.Floor.Connections, msOrNone(s.Floor.DelayP50), msOrNone(s.Floor.DelayP99), msOrNone(s.Floor.DelayMax))
	}
	var found []string
	if f.DetectableConnections != nil {
		found = append(found, fmt.Sprintf("%s of new connections (n=%d)", percent(*f.DetectableConnections), f.DeniedConnections))
	}
	if f.DetectablePackets != nil {
		found = append(found, fmt.Sprintf("%s of packets (n=%d in sentinels)", percent(*f.DetectablePackets), *f.SentinelMustDrop))
	}
	if len(found) > 0 {
		t.line("certainty    95 %% to have found leaks of %s", strings.Join(found, ", or "))
	}
}

func percent(share float64) string { return fmt.Sprintf("%.2g %%", 100*share) }

// sentinelDetails says what sentinels that did not pass have found, and what was at work then.
func (t *text) sentinelDetails(s *v1.Sentinel) {
	t.line("%s", s.Reason)
	for i := range s.Findings {
		if i == mostFindings {
			t.line("%d more in records.jsonl", len(s.Findings)-i)
			break
		}
		t.sentinelFinding(&s.Findings[i])
	}
}

func (t *text) sentinelFinding(f *v1.Finding) {
	t.line("%s: %d %s of %s %s, from %s for %.1f ms", f.Phase, f.Count, f.What, f.Flow, f.Protocol,
		f.At.UTC().Format("15:04:05.000000"), float64(f.To-f.From)/float64(time.Millisecond))
	var during []string
	for _, a := range f.During {
		text := fmt.Sprintf("%s: %q", a.Case, a.Step)
		if a.Actions != "" {
			text += " (" + a.Actions + ")"
		}
		during = append(during, text)
	}
	if len(during) > 0 {
		t.line("    while %s", strings.Join(during, ", "))
	}
}

// sentinelJUnit is the sentinels as a case.
func sentinelJUnit(run *v1.Run) junitCase {
	s := run.Sentinel
	var b strings.Builder
	newText(&b).sentinelDetails(s)
	body := strings.Map(inXML, b.String())
	return outcome(junitCase{Class: "netassay." + run.Engine, Name: "sentinels", Time: seconds(s.Seconds)}, s.Outcome, s.Reason, body)
}
