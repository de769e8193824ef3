package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
	"github.com/netassay/netassay/reach/matrix"
	"github.com/netassay/netassay/suites/oracle"
)

// Version is of the form of an Explanation's JSON.
const Version = 1

// Explanation is of one flow.
type Explanation struct {
	Kind    string    `json:"kind"` // "netassay-explanation"
	Version int       `json:"version"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Port    string    `json:"port"`
	Answers []Answer  `json:"answers"` // one for each family in which the two can meet, and that differs
	Near    []Finding `json:"near,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
}

// Answer is what decides.
type Answer struct {
	Families []model.Family `json:"families"`
	Verdict  model.Verdict  `json:"verdict"`
	Egress   Side           `json:"egress"`
	Ingress  Side           `json:"ingress"`
}

// Side is what the policies on one end say.
type Side struct {
	Verdict model.Verdict `json:"verdict"`
	Reason  string        `json:"reason"`
}

// Port is a port of a protocol.
type Port struct {
	Protocol corev1.Protocol
	Number   uint16
}

func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Protocol) }

// Flow explains the flows from one class to another on a port.
func Flow(v *inventory.Inventory, m *matrix.Matrix, from, to int, port Port) (*Explanation, error) {
	e := &Explanation{Kind: "netassay-explanation", Version: Version, From: m.Classes[from].Name, To: m.Classes[to].Name, Port: port.String()}
	n := near{v: v, m: m, from: from, to: to, port: port}
	for _, family := range m.Families {
		egress, ingress, ok := m.Ask(n.flow(family))
		if !ok {
			continue
		}
		a := Answer{[]model.Family{family}, oracle.Both(egress, ingress).Verdict, Side(egress), Side(ingress)}
		if last := len(e.Answers) - 1; last >= 0 && e.Answers[last].same(a) {
			e.Answers[last].Families = append(e.Answers[last].Families, family)
			continue
		}
		e.Answers = append(e.Answers, a)
	}
	if len(e.Answers) == 0 {
		return nil, n.impossible()
	}
	for _, a := range e.Answers {
		n.answer(a)
	}
	e.Near = n.found
	return e, nil
}

func (a Answer) same(b Answer) bool {
	return a.Verdict == b.Verdict && a.Egress == b.Egress && a.Ingress == b.Ingress
}

// Text writes it for people.
func (e *Explanation) Text(w io.Writer) error {
	var b strings.Builder
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, a := range e.Answers {
		only := ""
		if len(e.Answers) > 1 {
			only = fmt.Sprintf(" (%s)", a.Families[0])
		}
		fmt.Fprintf(&b, "%s → %s %s%s: %s\n", e.From, e.To, e.Port, only, a.Verdict)
		fmt.Fprintf(&b, "  %-9s  %s\n  %-9s  %s\n", a.Egress.Verdict, a.Egress.Reason, a.Ingress.Verdict, a.Ingress.Reason)
	}
	for _, f := range e.Near {
		fmt.Fprintf(&b, "near: %s\n", f)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Finding is a near miss. Policy and Field say where, where it is at one place.
type Finding struct {
	Policy string `json:"policy,omitempty"` // namespace/name
	Field  string `json:"field,omitempty"`  // "spec.ingress[0].from[1]"
	Text   string `json:"text"`             // what is wrong, and the cure
}

func (f Finding) String() string {
	if f.Policy == "" {
		return f.Text
	}
	return fmt.Sprintf("%s %s: %s", f.Policy, f.Field, f.Text)
}

// near gathers near misses.
type near struct {
	v        *inventory.Inventory
	m        *matrix.Matrix
	from, to int
	port     Port
	found    []Finding
}

func (n *near) add(f Finding) {
	if !slices.Contains(n.found, f) {
		n.found = append(n.found, f)
	}
}

func (n *near) impossible() error {
	a, b := &n.m.Classes[n.from], &n.m.Classes[n.to]
	switch {
	case a.Kind != matrix.Pods && b.Kind != matrix.Pods:
		return fmt.Errorf("neither %s nor %s is a pod, so no policy is about them: name a pod for one", a.Name, b.Name)
	case n.from == n.to:
		return fmt.Errorf("%s is one pod, and the specification leaves open what a pod says to itself: name another", a.Name)
	}
	return fmt.Errorf("%s and %s have no address of one family: no flow is possible", a.Name, b.Name)
}

// answer looks for what is near, on the sides that deny and at both ends.
func (n *near) answer(a Answer) {
	client, server := &n.m.Classes[n.from], &n.m.Classes[n.to]
	if a.Egress.Verdict == model.Deny && a.Ingress.Verdict == model.Allow && strings.Contains(a.Ingress.Reason, "allowed by") {
		n.add(Finding{Text: fmt.Sprintf("the ingress of %s lets it in, and the egress of %s does not let it out: both have to", server.Name, client.Name)})
	}
	if a.Ingress.Verdict == model.Deny && a.Egress.Verdict == model.Allow && strings.Contains(a.Egress.Reason, "allowed by") {
		n.add(Finding{Text: fmt.Sprintf("the egress of %s lets it out, and the ingress of %s does not let it in: both have to", client.Name, server.Name)})
	}
	if client.Kind == matrix.Pods {
		n.side(client, netv1.PolicyTypeEgress, a.Egress.Verdict, a.Families)
		n.dns()
	}
	if server.Kind == matrix.Pods {
		n.side(server, netv1.PolicyTypeIngress, a.Ingress.Verdict, a.Families)
		n.listens(server)
	}
}
