package audit

import (
	"fmt"
	"net/netip"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/shadow"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/judge"
)

// judge gives the flow its outcome, unless something else did.
func (f *asked) judge(w judge.Window) {
	if f.outcome != "" {
		return
	}
	if w.Ended == 0 {
		f.outcome, f.reason = v1.Unfinished, "the run was stopped"
		return
	}
	f.judgement = judge.Judge(&f.cell, w)
	f.outcome, f.reason = f.judgement.Outcome, f.judgement.Reason
	if f.outcome == v1.Skipped { // what the specification leaves open is not asked
		f.outcome = v1.Inconclusive
	}
}

// flowRecord is a flow as its record has it.
func (r *run) flowRecord(a *asked) *v1.AuditFlow {
	f, j := a.flow, a.judgement
	client, server := &r.Plan.Pods[f.Client], &r.Plan.Pods[f.Server]
	out := &v1.AuditFlow{
		Client: client.Of, ClientCount: client.Count, ClientPod: client.Key(), ClientNode: client.Node, ClientAddr: address(a.reading.Flow.Client),
		Server: server.Of, ServerCount: server.Count, ServerPod: server.Key(), ServerNode: server.Node, ServerAddr: address(a.reading.Flow.Server),
		Family: string(f.Family), Protocol: string(f.Protocol), Port: f.Number, Want: string(f.Verdict), Egress: f.Egress, Ingress: f.Ingress,
		Outcome: a.outcome, Reason: a.reason, More: f.More,
	}
	if len(a.seen) == 0 {
		return out
	}
	out.Seen, out.Evidence, out.Course = string(j.Seen), j.Evidence, judge.Course(&a.cell, r.window)
	if a.outcome == v1.Fail {
		out.Kind = j.Kind
	}
	if j.Seen != judge.Connected {
		out.Witness = "itself"
		if a.witnessed {
			out.Witness = r.Plan.Pods[a.witness].Key()
		}
	}
	return out
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// strata are what the flows say of all pairs. A pair whose first flow was not judged counts as not
// asked about.
func strata(p *shadow.Plan, all []*asked) []v1.AuditStratum {
	var out []v1.AuditStratum
	var samples []shadow.Sample
	whole := v1.AuditStratum{Verdict: v1.AllPairs}
	for _, s := range p.Strata {
		one := v1.AuditStratum{Verdict: string(s.Verdict), Pairs: s.Pairs}
		one.Asked, one.Wrong = pairs(all, s.Verdict)
		one.AtMost = shadow.AtMost(one.Pairs, one.Asked, one.Wrong, shadow.Certainty)
		samples = append(samples, shadow.Sample{All: one.Pairs, Asked: one.Asked, Wrong: one.Wrong})
		whole.Pairs, whole.Asked, whole.Wrong = whole.Pairs+one.Pairs, whole.Asked+one.Asked, whole.Wrong+one.Wrong
		out = append(out, one)
	}
	whole.AtMost = shadow.Overall(samples, shadow.Certainty)
	return append(out, whole)
}

// pairs counts those that were asked about, and those that were wrong.
func pairs(all []*asked, verdict model.Verdict) (judged, wrong int) {
	type pair struct{ client, server int }
	ok, bad := map[pair]bool{}, map[pair]bool{}
	for _, a := range all {
		at := pair{a.flow.Client, a.flow.Server}
		switch {
		case a.flow.Verdict != verdict:
		case a.outcome == v1.Fail:
			bad[at], ok[at] = true, true
		case a.outcome == v1.Pass && !a.flow.More:
			ok[at] = true
		}
	}
	return len(ok), len(bad)
}

// Gaps are the plan's as records.
func Gaps(p *shadow.Plan) []v1.Record {
	var out []v1.Record
	for _, g := range p.Gaps {
		out = append(out, &v1.AuditGap{What: g.What, Why: g.Why})
	}
	return out
}

// Touches says what a run makes and sends, and what it never touches, a line each.
func Touches(p *shadow.Plan, t Timing) []string {
	return []string{
		fmt.Sprintf("makes %d namespaces netassay-%s-s*, with %d pods and %d copies of policies in them, and deletes them at the end", len(p.Namespaces), p.ID, len(p.Pods), len(p.Policies)),
		fmt.Sprintf("asks %d flows, by %d connections and datagrams at most, between these pods alone", len(p.Flows), t.MostProbes(len(p.Flows))),
		"the pods conform to the restricted Pod Security Standard, have no token, and are on no node's network",
		"never touches a pod, policy, Service or namespace of yours, nor sends anything to one; policies of yours may select the probe pods as peers, as these have the labels that your selectors ask for",
	}
}
