package v1

import (
	"fmt"
	"slices"
	"time"
)

// AuditRun is a run that asked a live cluster's engine about the policies that are there: its
// conditions, the flows between probe pods, and what they say of all pairs.
type AuditRun struct {
	AuditConditions
	Flows  []AuditFlow    `json:"flows,omitempty"`
	Strata []AuditStratum `json:"strata,omitempty"`
	Gaps   []AuditGap     `json:"gaps,omitempty"`
	Notes  []string       `json:"notes,omitempty"`
}

// AuditConditions are what an engine is asked under.
type AuditConditions struct {
	Schema string `json:"schema"`
	ID     string `json:"id"`
	Tool   string `json:"tool"` // version of netassay
	// Command is what was typed to make the run, empty where nothing was, as under go test.
	Command []string `json:"command,omitempty"`
	Cluster string   `json:"cluster"`
	Engine  string   `json:"engine"`
	Seed    uint64   `json:"seed"` // of what was drawn
	// Namespaces, Pods and Policies are how many were made.
	Namespaces int `json:"namespaces"`
	Pods       int `json:"pods"`
	Policies   int `json:"policies"`
	// Certainty is that of the bounds, 0 to 1.
	Certainty float64 `json:"certainty"`
	// Hold is how long a verdict had to stay right, Deadline how long it could take to become so.
	Hold     float64   `json:"hold_ms"`
	Deadline float64   `json:"deadline_ms"`
	Started  time.Time `json:"started"`
	// Acked is when the API server had taken the last policy; zero when it did not come to that.
	Acked    time.Time `json:"acked,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	// Probes are all connections and datagrams with their answers, controls included.
	Probes int `json:"probes,omitempty"`
	// Trouble is why the run ended early; what was judged until then stands.
	Trouble string `json:"trouble,omitempty"`
}

// AuditFlow is one flow between two probe pods, and what it stands for.
type AuditFlow struct {
	// Client and Server are what people call the pods that the probe pods stand for: "shop/web";
	// ClientCount and ServerCount are how many these are.
	Client      string `json:"client"`
	ClientCount int    `json:"client_count"`
	Server      string `json:"server"`
	ServerCount int    `json:"server_count"`
	// ClientPod and ServerPod are the probe pods, with their nodes and addresses.
	ClientPod  string `json:"client_pod"`
	ClientNode string `json:"client_node"`
	ClientAddr string `json:"client_addr,omitempty"`
	ServerPod  string `json:"server_pod"`
	ServerNode string `json:"server_node"`
	ServerAddr string `json:"server_addr,omitempty"`
	Family     string `json:"family"`
	Protocol   string `json:"protocol"`
	Port       uint16 `json:"port"`
	Want       string `json:"want"` // Allow or Deny, by the oracle
	// Egress and Ingress are what of the originals' policies decides it.
	Egress  string `json:"egress"`
	Ingress string `json:"ingress"`
	// Outcome is Skipped of a flow that does not mean between the probe pods what it means between
	// the originals.
	Outcome Outcome     `json:"outcome"`
	Kind    FailureKind `json:"failure,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Seen    string      `json:"seen,omitempty"`
	// Evidence is of the probe that decided, Course all that were seen, as in a Cell, in ms since
	// Acked.
	Evidence string `json:"evidence,omitempty"`
	Course   string `json:"course,omitempty"`
	// Witness is who reached the server by the oracle's word when silence was to count: another
	// probe pod, or the server's own.
	Witness string `json:"witness,omitempty"`
	// More is a second flow of a pair and verdict: it counts when it is wrong only.
	More bool `json:"more,omitempty"`
}

// AuditStratum is the pairs of pods between which some flow has a verdict.
type AuditStratum struct {
	Verdict string `json:"verdict"` // Allow or Deny; AllPairs of both together
	Pairs   int    `json:"pairs"`
	Asked   int    `json:"asked"` // of these, those of which one flow was judged
	Wrong   int    `json:"wrong"`
	AtMost  int    `json:"at_most"` // pairs that are wrong at most, with the run's certainty
}

// AllPairs is the verdict of the stratum that is all.
const AllPairs = "all"

// AuditGap is something that was not asked about.
type AuditGap struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Add takes conditions, flows, strata, gaps, notes, and the verdict, which follows from the flows.
func (r *AuditRun) Add(record Record) error {
	switch v := record.(type) {
	case *AuditConditions:
		r.AuditConditions = *v
	case *AuditFlow:
		r.Flows = append(r.Flows, *v)
	case *AuditStratum:
		r.Strata = append(r.Strata, *v)
	case *AuditGap:
		r.Gaps = append(r.Gaps, *v)
	case *Note:
		r.Notes = append(r.Notes, v.Text)
	case *Conclusion:
	default:
		return misplaced(record, KindAudit)
	}
	return nil
}

// Count is how many flows have the outcome.
func (r *AuditRun) Count(o Outcome) int {
	n := 0
	for i := range r.Flows {
		if r.Flows[i].Outcome == o {
			n++
		}
	}
	return n
}

// Verdict is fail when a flow was wrong, void when nothing was judged or of something nothing was
// proved, or the run ended early.
func (r *AuditRun) Verdict() Verdict {
	switch passed := r.Count(Pass); {
	case r.Count(Fail) > 0:
		return VerdictFail
	case r.Trouble != "" || passed == 0 || passed+r.Count(Skipped) < len(r.Flows):
		return VerdictVoid
	}
	return VerdictPass
}

// Reasons are why the verdict is not pass.
func (r *AuditRun) Reasons() []string {
	reasons := []string{}
	add := func(n int, text string) {
		if n > 0 {
			reasons = append(reasons, fmt.Sprintf("%d of %d flows %s", n, len(r.Flows), text))
		}
	}
	add(r.Count(Fail), "are not as the policies say")
	add(len(r.Flows)-r.Count(Fail)-r.Count(Pass)-r.Count(Skipped), "were not proved")
	if r.Count(Pass)+r.Count(Fail) == 0 {
		reasons = append(reasons, "nothing was judged")
	}
	if r.Trouble != "" {
		reasons = append(reasons, r.Trouble)
	}
	return reasons
}

// AuditSummary is summary.json of an audit.
type AuditSummary struct {
	Verdict   Verdict        `json:"verdict"`
	Reasons   []string       `json:"reasons"`
	Right     int            `json:"right"` // flows
	Wrong     int            `json:"wrong"`
	Unproved  int            `json:"unproved"`
	NotShadow int            `json:"not_shadowed"`
	Certainty float64        `json:"certainty"` // of AtMost
	Strata    []AuditStratum `json:"strata"`
}

// Summary adds up the flows.
func (r *AuditRun) Summary() AuditSummary {
	return AuditSummary{
		Verdict: r.Verdict(), Reasons: r.Reasons(), Right: r.Count(Pass), Wrong: r.Count(Fail), NotShadow: r.Count(Skipped),
		Unproved:  len(r.Flows) - r.Count(Pass) - r.Count(Fail) - r.Count(Skipped),
		Certainty: r.Certainty, Strata: append([]AuditStratum{}, r.Strata...),
	}
}

// Wrong are the flows that are not as the policies say.
func (r *AuditRun) Wrong() []AuditFlow {
	return slices.DeleteFunc(slices.Clone(r.Flows), func(f AuditFlow) bool { return f.Outcome != Fail })
}

// InWords is the flow as "shop/web → shop/db 5432/TCP IPv4".
func (f *AuditFlow) InWords() string {
	return fmt.Sprintf("%s → %s %d/%s %s", f.Client, f.Server, f.Port, f.Protocol, f.Family)
}

// Account tells what was asked of whom, what the policies say, and what was seen.
func (f *AuditFlow) Account() []string {
	lines := []string{
		fmt.Sprintf("policies say %s: %s; %s", f.Want, f.Egress, f.Ingress),
		fmt.Sprintf("probe pods: %s (%s, on %s), for %d of %s, to %s (%s, on %s), for %d of %s",
			f.ClientPod, f.ClientAddr, f.ClientNode, f.ClientCount, f.Client, f.ServerPod, f.ServerAddr, f.ServerNode, f.ServerCount, f.Server),
		"seen: " + f.Evidence,
		"course, in ms since the policies were there: " + f.Course,
	}
	if f.Witness != "" {
		lines = append(lines, "meanwhile the server answered "+f.Witness)
	}
	return lines
}

// InWords says what the stratum proves, with a certainty.
func (s *AuditStratum) InWords(certainty float64) string {
	what := s.Verdict + " pairs"
	if s.Verdict == AllPairs {
		what = "pairs in all"
	}
	if s.Pairs == 0 {
		return "0 " + what
	}
	return fmt.Sprintf("%d of %d %s asked about, %d wrong: at most %.3g %% (%d) are, with %.3g %% certainty",
		s.Asked, s.Pairs, what, s.Wrong, 100*float64(s.AtMost)/float64(s.Pairs), s.AtMost, 100*certainty)
}
