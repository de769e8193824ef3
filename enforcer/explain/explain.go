package explain

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/model"
)

// Verdict is what a node does to a new connection.
type Verdict string

// The verdicts.
const (
	Allowed   Verdict = "allowed"
	Dropped   Verdict = "dropped"
	NotJudged Verdict = "not judged" // in a direction that is not this node's to judge
)

// Answer says what becomes of the first packet of a flow on one node, and why.
type Answer struct {
	Node    string    `json:"node"`
	Flow    string    `json:"flow"`
	Client  End       `json:"client"`
	Server  End       `json:"server"`
	Verdict Verdict   `json:"verdict"` // of this node
	Egress  Direction `json:"egress"`
	Ingress Direction `json:"ingress"`
}

// End is one end of the flow.
type End struct {
	Address netip.Addr `json:"address"`
	Pod     string     `json:"pod,omitempty"`  // namespace/name; "" for what is not a pod
	Node    string     `json:"node,omitempty"` // the pod's, or the node that the address is of
}

// Direction is the judgement of one end by the policies that select it.
type Direction struct {
	Verdict    Verdict  `json:"verdict"`
	Reason     string   `json:"reason"`               // one sentence
	Policy     string   `json:"policy,omitempty"`     // namespace/name of the one that allows
	Rule       string   `json:"rule,omitempty"`       // its field, e.g. spec.ingress[0]
	IsolatedBy []string `json:"isolatedBy,omitempty"` // policies that select the end for this direction
	Trace      []string `json:"trace,omitempty"`      // the rules in the kernel that matched, in order
}

// Question is all that an answer depends on.
type Question struct {
	Flow     model.Flow
	Node     string                // that answers
	Plan     plan.Plan             // in force on it
	Snapshot model.Snapshot        // for names
	Links    map[netip.Addr]string // those that the plan was made with
}

// Explain answers a question. It fails on a flow that is none.
func Explain(q Question) (Answer, error) {
	f := q.Flow
	w, err := newWalk(q)
	if err != nil {
		return Answer{}, err
	}
	client, clientPod := w.end(f.Client)
	server, serverPod := w.end(f.Server)
	a := Answer{Node: q.Node, Flow: f.String(), Client: client, Server: server}
	if a.Egress, err = w.direction(toEgress, client, clientPod); err != nil {
		return Answer{}, err
	}
	if a.Ingress, err = w.direction(toIngress, server, serverPod); err != nil {
		return Answer{}, err
	}
	a.Verdict = Allowed
	if client.Pod == "" && client.Node == q.Node { // it passes no hook of ours
		why := Direction{Verdict: NotJudged, Reason: "not judged: traffic of the node itself is not subject to policies"}
		a.Egress, a.Ingress = why, why
		return a, nil
	}
	if err := w.ahead(&a); err != nil {
		return Answer{}, err
	}
	if a.Egress.Verdict == Dropped || a.Ingress.Verdict == Dropped {
		a.Verdict = Dropped
	}
	return a, nil
}

// String is the answer for people.
func (a Answer) String() string {
	return fmt.Sprintf("Client   %s\nServer   %s\nEgress   %s\nIngress  %s\nVerdict  %s by node %s, as a new connection\n",
		a.Client.describe(), a.Server.describe(), a.Egress.Reason, a.Ingress.Reason, a.Verdict, a.Node)
}

func (e End) describe() string {
	switch {
	case e.Pod != "":
		return fmt.Sprintf("%s, pod %s on node %s", e.Address, e.Pod, e.Node)
	case e.Node != "":
		return fmt.Sprintf("%s, address of node %s", e.Address, e.Node)
	}
	return fmt.Sprintf("%s, no pod that the enforcer knows", e.Address)
}

// way is a direction: how it is called, and the jump that leads to its chain only.
type way struct {
	name string
	hook render.Jump
}

var (
	toEgress  = way{"egress", render.Jump{From: "OUTPUT", To: plan.ChainEgress}}
	toIngress = way{"ingress", render.Jump{From: "POSTROUTING", To: plan.ChainIngress}}
)

// walk is a simulated kernel with the plan in it.
type walk struct {
	Question
	family  plan.FamilyPlan // of the flow
	machine *iptsim.Machine
	packet  iptsim.Packet
}

func newWalk(q Question) (*walk, error) {
	family, simulated := q.Plan.IPv4, iptsim.IPv4
	if q.Flow.Client.Is6() {
		family, simulated = q.Plan.IPv6, iptsim.IPv6
	}
	var sets, rules bytes.Buffer
	m := iptsim.New()
	tx := render.Full(family)
	tx.Hook = append(tx.Hook, toEgress.hook, toIngress.hook)
	err := errors.Join(
		render.Sets(&sets, family.Sets), render.Rules(&rules, tx),
		m.RestoreSets(&sets, false), m.RestoreRules(simulated, &rules),
	)
	if err != nil {
		return nil, fmt.Errorf("trace plan: %w", err)
	}
	return &walk{Question: q, family: family, machine: m, packet: iptsim.Packet{
		Src: q.Flow.Client, Dst: q.Flow.Server, Protocol: strings.ToLower(string(q.Flow.Protocol)),
		SrcPort: 40000, DstPort: q.Flow.Port, State: iptsim.NewFlow,
		In: q.Links[q.Flow.Client], Out: q.Links[q.Flow.Server], Back: q.Links[q.Flow.Client],
	}}, nil
}

// end finds out what is behind an address.
func (w *walk) end(ip netip.Addr) (End, *model.Pod) {
	for i := range w.Snapshot.Pods {
		if p := &w.Snapshot.Pods[i]; !p.HostNetwork && slices.Contains(p.IPs, ip) {
			return End{Address: ip, Pod: p.Key(), Node: p.Node}, p
		}
	}
	for _, n := range w.Snapshot.Nodes {
		if slices.Contains(n.IPs, ip) {
			return End{Address: ip, Node: n.Name}, nil
		}
	}
	return End{Address: ip}, nil
}

// direction judges one end.
func (w *walk) direction(to way, e End, pod *model.Pod) (Direction, error) {
	switch {
	case pod == nil:
		return Direction{Verdict: NotJudged, Reason: "not judged: policies select pods, and " + e.Address.String() + " is none"}, nil
	case pod.Node != w.Node:
		return Direction{Verdict: NotJudged, Reason: fmt.Sprintf("not judged here: %s is on node %s; ask the enforcer there", e.Pod, e.Node)}, nil
	}
	t, err := w.machine.Walk(to.hook.From, w.packet)
	if err != nil {
		return Direction{}, err
	}
	d := Direction{Verdict: Allowed}
	for _, s := range t.Steps[min(1, len(t.Steps)):] { // after the hook
		d.Trace = append(d.Trace, "-A "+s.Chain+" "+s.Rule)
	}
	in, out := plan.Isolating(w.Snapshot.Policies, *pod)
	d.IsolatedBy = in
	if to == toEgress {
		d.IsolatedBy = out
	}
	w.reason(&d, t, to, e)
	return d, nil
}

// reason says why a walk ended as it did: a rule of a namespace's chain names its policy, and
// the last of these drops.
func (w *walk) reason(d *Direction, t iptsim.Trace, to way, e End) {
	note := noteOf(w.decisive(t))
	switch {
	case t.Verdict == iptsim.Drop:
		d.Verdict = Dropped
		d.Reason = fmt.Sprintf("dropped: %s is isolated by %s, and no rule matches", e.Pod, names(d.IsolatedBy))
	case note.Field != "":
		d.Policy, d.Rule = note.About, note.Field
		d.Reason = fmt.Sprintf("allowed by %s: %s", d.Policy, d.Rule)
	default:
		d.Reason = fmt.Sprintf("allowed: no policy isolates %s for %s", e.Pod, to.name)
	}
}

// decisive is the plan's rule that decided: the last one that matched, if the packet was
// dropped, else the last one of a policy's. It is the zero Rule when there is none.
func (w *walk) decisive(t iptsim.Trace) plan.Rule {
	for _, r := range slices.Backward(w.met(t)) {
		if t.Verdict == iptsim.Drop || noteOf(r).Field != "" {
			return r
		}
	}
	return plan.Rule{}
}

// met are the plan's rules that matched, in order.
func (w *walk) met(t iptsim.Trace) (rules []plan.Rule) {
	for _, s := range t.Steps {
		for _, c := range w.family.Chains {
			if string(c.Name) == s.Chain {
				rules = append(rules, c.Rules[s.Place])
			}
		}
	}
	return rules
}

// passed reports whether the last rule of the plan that matched is about this.
func (w *walk) passed(t iptsim.Trace, about string) bool {
	met := w.met(t)
	return len(met) > 0 && noteOf(met[len(met)-1]).About == about
}

// noteOf is the note that a rule carries, the zero Note when it has none.
func noteOf(r plan.Rule) plan.Note {
	for _, c := range r.Match {
		if note, ok := c.(plan.Note); ok {
			return note
		}
	}
	return plan.Note{}
}

// names lists policies; a plan can be older than the cluster by the time of one sync.
func names(policies []string) string {
	if len(policies) == 0 {
		return "a policy that is being removed"
	}
	return strings.Join(policies, ", ")
}

// ahead finds out what happens to the packet ahead of all policies: it passes, as it is to the
// pod that sends it, or is dropped, because an end of it is an address of this node's pods that
// no pod is known to own.
func (w *walk) ahead(a *Answer) error {
	path := plan.Hook{From: plan.Forwarded}
	if a.Server.Pod == "" && a.Server.Node == w.Node {
		path.From = plan.ToNode
	}
	t, err := w.machine.Walk(render.JumpOf(path).From, w.packet)
	if w.passed(t, plan.OwnService) {
		d := Direction{Verdict: Allowed, Reason: "allowed: a pod can't block access to itself, by a Service or without"}
		a.Egress, a.Ingress = d, d
	}
	rule := w.decisive(t)
	if err != nil || t.Verdict != iptsim.Drop || noteOf(rule).About != plan.UnknownPod {
		return err
	}
	last := t.Steps[len(t.Steps)-1]
	d, ip := &a.Egress, a.Client.Address
	if in, ok := rule.Match[0].(plan.InPrefix); ok && in.Part == plan.Destination {
		d, ip = &a.Ingress, a.Server.Address
	}
	*d = Direction{
		Verdict: Dropped,
		Reason:  fmt.Sprintf("dropped: %s is in the podCIDR of this node, and no pod is known to own it (--default-deny-unknown)", ip),
		Trace:   []string{"-A " + last.Chain + " " + last.Rule},
	}
	return nil
}
