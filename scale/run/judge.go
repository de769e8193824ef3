package run

import (
	"math"
	"time"

	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Kind is what was changed, by the name that it has in results.
type Kind string

// The kinds of changes.
const (
	Floor        Kind = v1.Floor        // one iptables rule, inserted by hand: what the method itself takes
	PolicyCreate Kind = v1.PolicyCreate // a policy that isolates a pod: deny
	PolicyDelete Kind = v1.PolicyDelete // and away with it: allow
	IPBlockEdit  Kind = v1.IPBlockEdit  // of a policy of many CIDRs, an address in or out: either way
	Revoke       Kind = v1.Revoke       // a peer taken out of a policy: deny
	Grant        Kind = "grant"         // and put in again: allow
	LabelChange  Kind = v1.LabelChange  // of a pod that a policy's peer selects by it: either way
	PodCreate    Kind = v1.PodCreate    // a pod that a policy's peer selects: allow
	PodDelete    Kind = "pod-delete"    // that pod, its address now nobody's: deny
	NewPod       Kind = "new-pod"       // a pod that a policy isolates from its first instant: how long it was open
	Beside       Kind = "beside"        // flows that no change was about: how long they were wrong, by phase
	Restart      Kind = "restart"       // such flows while the engine is started again
	StateCreate  Kind = "state-create"  // many hollow pods: until the kernel's sets hold exactly them
	StateDelete  Kind = "state-delete"
)

// judge makes samples of what the streams of a change showed, one per stream. A sender that
// was silent for longer than maxBlind makes its sample void.
func judge(kind Kind, c flows.Change, told toldTimes, watched []flows.Watched, maxBlind time.Duration) []v1.Sample {
	var out []v1.Sample
	for _, w := range watched {
		s := v1.Sample{
			Transition: string(kind), Pair: pair(w.Flow), Family: string(w.Flow.Family()),
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
func lasted(kind Kind, allow bool, at, wrong time.Duration) v1.Sample {
	stable := ms(at + wrong)
	s := v1.Sample{Transition: string(kind), Want: verdictWord(allow), Due: ms(at), Call: ms(at), Ack: ms(at), First: &stable, Stable: &stable}
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
