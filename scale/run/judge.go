package run

import (
	"math"
	"time"

	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
)

// The transitions that a run has beside those of the table.
const (
	Grant       = "grant"        // a peer put into a policy again: allow
	PodDelete   = "pod-delete"   // a pod that a policy's peer selects, its address now nobody's: deny
	NewPod      = "new-pod"      // a pod that a policy isolates from its first instant: how long it was open
	Beside      = "beside"       // flows that no change was about: how long they were wrong, by phase
	Restart     = v1.EditRestart // such flows while the engine is started again
	StateCreate = "state-create" // many hollow pods: until the kernel's sets hold exactly them
	StateDelete = "state-delete"
)

// judge makes samples of what the streams of a change showed, one per stream. A sender that
// was silent for longer than maxBlind makes its sample void.
func judge(kind string, c flows.Change, told toldTimes, watched []flows.Watched, maxBlind time.Duration) []v1.Sample {
	var out []v1.Sample
	for _, w := range watched {
		s := v1.Sample{
			Transition: kind, Pair: pair(w.Flow), Family: string(w.Flow.Family()),
			Want: verdictWord(c.Allow), Due: ms(c.Due), Call: ms(c.Call), Ack: ms(c.Ack),
		}
		if told.seen > 0 {
			at, done := ms(told.seen), ms(told.enforced)
			s.Seen, s.Commit = &at, &done
		}
		seen := flows.Observe(c, w.Report)
		switch {
		case seen.Void != "":
			s.Void = seen.Void
		case !seen.Censored && seen.Blind > maxBlind:
			s.Void = "the sender was silent when the verdict changed"
		case !seen.Censored:
			first, stable := ms(seen.First), ms(seen.Stable)
			s.First, s.Stable = &first, &stable
		}
		if s.Void == "" && c.Allow {
			s.Outage = ms(seen.Wrong)
		} else if s.Void == "" {
			s.Leak = ms(seen.Wrong)
		}
		out = append(out, s)
	}
	return out
}

// lasted is a sample of something that was wrong for a time that is known by its packets.
func lasted(kind string, allow bool, at, wrong time.Duration) v1.Sample {
	stable := ms(at + wrong)
	s := v1.Sample{Transition: kind, Want: verdictWord(allow), Due: ms(at), Call: ms(at), Ack: ms(at), First: &stable, Stable: &stable}
	if allow {
		s.Outage = ms(wrong)
	} else {
		s.Leak = ms(wrong)
	}
	return s
}

// pair names a flow in samples.
func pair(f flows.Flow) string { return f.Client + " to " + f.Server }

func verdictWord(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}

func ms(d time.Duration) float64 { return math.Round(float64(d)/1e4) / 100 }
