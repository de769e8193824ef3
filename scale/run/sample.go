package run

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/netassay/netassay/suites/probe"
)

// Kind is what was changed, to which verdict. Kinds are never mixed in one figure.
type Kind string

// The kinds of changes.
const (
	Floor        Kind = "floor"         // one iptables rule, inserted by hand: what the method itself takes
	PolicyCreate Kind = "policy create" // a policy that isolates a pod: deny
	PolicyDelete Kind = "policy delete" // and away with it: allow
	BlockAdd     Kind = "ipBlock add"   // an address put into a large list of CIDRs, all others replaced: allow
	BlockRemove  Kind = "ipBlock remove"
	Revoke       Kind = "revoke" // a peer taken out of a policy: deny
	Grant        Kind = "grant"
	LabelMatch   Kind = "label match" // a pod's label changed so that a policy's peer selects it: allow
	LabelMiss    Kind = "label miss"
	PodCreate    Kind = "pod create" // a pod that a policy's peer selects: allow
	PodDelete    Kind = "pod delete" // that pod, its address now nobody's: deny
)

// Kinds are the kinds of the measured changes in the order of reports.
func Kinds() []Kind {
	return []Kind{PolicyCreate, PolicyDelete, BlockAdd, BlockRemove, Revoke, Grant, LabelMatch, LabelMiss, PodCreate, PodDelete}
}

// Sample is one change, as all its flows saw it. It is a line of samples.jsonl. Times are
// milliseconds; those after the answer may be negative.
type Sample struct {
	Engine   string  `json:"engine"`
	Repeat   int     `json:"repeat"`
	Phase    string  `json:"phase"`
	Kind     Kind    `json:"kind"`
	To       string  `json:"to"`        // "allow" or "deny"
	At       float64 `json:"at_s"`      // when it was known, from the start of the run
	AfterDue float64 `json:"after_due"` // from the scheduled time to the slowest pair
	Call     float64 `json:"after_call"`
	Ack      float64 `json:"after_ack"`
	First    float64 `json:"first_after_ack"` // the fastest pair
	Lateness float64 `json:"late"`            // of the request against its schedule
	Request  float64 `json:"request"`         // from call to answer
	Blind    float64 `json:"blind"`           // the sender's silence before the slowest pair
	Pairs    int     `json:"pairs"`
	Censored bool    `json:"censored,omitempty"` // later than the deadline or the next change: the times are lower bounds
	Void     string  `json:"void,omitempty"`     // why it is no sample at all
	Leak     float64 `json:"leak_s"`             // wrong-verdict-seconds after the answer, summed over pairs
	Outage   float64 `json:"outage_s"`
}

// Judge makes a sample of what all streams of a change showed. A sender that was silent for
// longer than maxBlind makes it void.
func Judge(c Change, streams []probe.StreamReport, maxBlind time.Duration) Sample {
	s := Sample{
		Kind: c.Kind, To: verdictWord(c.Allow), Pairs: len(streams),
		Lateness: ms(c.Call - c.Due), Request: ms(c.Ack - c.Call),
	}
	var first, last, wrong, blind time.Duration
	for i, stream := range streams {
		seen := Observe(c, stream)
		if seen.Void != "" {
			s.Void = seen.Void
			return s
		}
		wrong += seen.Wrong
		if seen.Censored {
			s.Censored = true
			continue
		}
		if seen.Blind > maxBlind {
			s.Void = "the sender was silent when the verdict changed"
			return s
		}
		if i == 0 || seen.At < first {
			first = seen.At
		}
		if seen.At > last {
			last, blind = seen.At, seen.Blind
		}
	}
	if s.Censored {
		last = c.Until
	}
	if len(streams) == 0 {
		s.Void = "no flow was watched"
	}
	s.AfterDue, s.Call, s.Ack, s.First, s.Blind = ms(last-c.Due), ms(last-c.Call), ms(last-c.Ack), ms(first-c.Ack), ms(blind)
	if c.Allow {
		s.Outage = wrong.Seconds()
	} else {
		s.Leak = wrong.Seconds()
	}
	return s
}

func verdictWord(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}

func ms(d time.Duration) float64 { return math.Round(float64(d)/1e4) / 100 }

// Quantiles are exact, by nearest rank over raw samples. A censored sample is later than
// every other; a quantile that falls on one is null and Censored says so.
type Quantiles struct {
	N        int      `json:"n"`
	Censored int      `json:"censored"`
	Void     int      `json:"void"`
	P50      *float64 `json:"p50"`
	P90      *float64 `json:"p90"`
	P99      *float64 `json:"p99"`
	Max      *float64 `json:"max"`
}

// QuantilesOf are those of a value of the samples.
func QuantilesOf(samples []Sample, value func(Sample) float64) Quantiles {
	var q Quantiles
	var kept []Sample
	for _, s := range samples {
		switch {
		case s.Void != "":
			q.Void++
			continue
		case s.Censored:
			q.Censored++
		}
		kept = append(kept, s)
	}
	q.N = len(kept)
	slices.SortStableFunc(kept, func(a, b Sample) int {
		if a.Censored != b.Censored {
			if a.Censored {
				return 1
			}
			return -1
		}
		return cmp.Compare(value(a), value(b))
	})
	at := func(p float64) *float64 {
		if len(kept) == 0 {
			return nil
		}
		s := kept[max(0, int(math.Ceil(p*float64(len(kept))))-1)]
		if s.Censored {
			return nil
		}
		v := value(s)
		return &v
	}
	q.P50, q.P90, q.P99, q.Max = at(0.5), at(0.9), at(0.99), at(1)
	return q
}
