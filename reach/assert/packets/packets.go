package packets

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/suites/cases"
)

// What one case can have: more pods or ports take longer than anybody waits for.
const (
	MostPods  = 24
	MostPorts = 24
)

// Name is that of the case.
const Name = "own-policies"

// Play is a case and what it plays.
type Play struct {
	Case      cases.Case
	questions []assert.Question // those that are played
	left      []assert.Question // those that a cluster of ours can't have
}

// Left is how many flows are not played.
func (p *Play) Left() int { return len(p.left) }

// New makes the case. The error says what it can't have.
func New(plan *assert.Plan) (*Play, error) {
	p := &Play{Case: cases.Case{Name: Name, Title: "What is expected of the given policies", Features: []cases.Feature{cases.Ingress, cases.Egress}, Paths: []cases.Path{cases.PathPod}, Alone: true}}
	for _, q := range plan.Questions() {
		if playable(q.Client, q.Flow.Client) && playable(q.Server, q.Flow.Server) {
			p.questions = append(p.questions, q)
		} else {
			p.left = append(p.left, q)
		}
	}
	if len(p.questions) == 0 {
		return nil, fmt.Errorf("no flow can be played: all are of hosts or nodes that a lab can't have; name world, or addresses of %v", model.OutsideRanges())
	}
	p.surroundings()
	pods := plan.Pods()
	if len(pods) > MostPods || len(p.Case.Probes) > MostPorts {
		return nil, fmt.Errorf("the expectations speak of %d pods and %d ports, and one lab plays %d and %d at most: give fewer, by -f or by narrower lines", len(pods), len(p.Case.Probes), MostPods, MostPorts)
	}
	p.Case.Steps = []cases.Step{
		{Name: "pods", Do: p.creations(plan, pods)},
		{Name: "policies", Do: applications(plan)},
	}
	return p, p.pin()
}

// playable reports whether a lab can have an end: pods, and hosts with addresses that are set aside
// for such use.
func playable(key string, addr netip.Addr) bool {
	return !cases.IsNodeKey(key) && (cases.IsPodKey(slashed(key)) || model.IsOutside(addr))
}

// slashed is an end's key as cases spell it: expectations have world:ADDRESS.
func slashed(key string) string {
	if host, ok := strings.CutPrefix(key, "world:"); ok {
		if addr, err := netip.ParseAddr(host); err == nil {
			return cases.WorldKey(addr)
		}
	}
	return key
}

// surroundings are the ports that are probed and the hosts outside.
func (p *Play) surroundings() {
	probes, hosts := map[cases.Probe]bool{}, map[netip.Addr]bool{}
	for _, q := range p.questions {
		probes[cases.Probe{Port: q.Flow.Port, Protocol: q.Flow.Protocol}] = true
		for key, addr := range map[string]netip.Addr{q.Client: q.Flow.Client, q.Server: q.Flow.Server} {
			if !cases.IsPodKey(slashed(key)) {
				hosts[addr] = true
			}
		}
	}
	p.Case.Probes = slices.SortedFunc(maps.Keys(probes), func(a, b cases.Probe) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	p.Case.World = slices.SortedFunc(maps.Keys(hosts), netip.Addr.Compare)
	if len(p.Case.World) > 0 {
		p.Case.Features = append(p.Case.Features, cases.OutsideTraffic)
	}
}

// taken are names of namespaces that mean something else in a case.
func taken(name string) bool {
	return name == "world" || strings.HasPrefix(name, "node") ||
		slices.ContainsFunc(cases.FixtureNamespaces(), func(n cases.Namespace) bool { return n.Name == name })
}

// logical is a namespace's name in the case.
func logical(name string) string {
	if taken(name) {
		return "own-" + name
	}
	return name
}

// creations make the namespaces and the pods, on the nodes in turn.
func (p *Play) creations(plan *assert.Plan, pods []model.Pod) (do []cases.Action) {
	for _, n := range plan.Namespaces() {
		labels := maps.Clone(n.Labels)
		delete(labels, corev1.LabelMetadataName) // the API server sets it
		if labels == nil {
			labels = map[string]string{}
		}
		do = append(do, cases.CreateNamespace{Namespace: cases.Namespace{Name: logical(n.Name), Labels: labels}})
	}
	for i, pod := range pods {
		do = append(do, cases.CreatePod{Pod: cases.Pod{
			Ref: cases.Ref{Namespace: logical(pod.Namespace), Name: pod.Name}, Labels: maps.Clone(pod.Labels),
			Node: i%cases.FixtureNodes + 1, Ports: p.served(pod), Made: true,
		}})
	}
	return do
}

// served are the ports that a pod declares, and without a name all others that are probed: a
// denied port must be one that would answer.
func (p *Play) served(pod model.Pod) []model.Port {
	ports := slices.Clone(pod.Ports)
	for _, probe := range p.Case.Probes {
		if !slices.ContainsFunc(ports, func(have model.Port) bool { return have.Number == probe.Port && have.Protocol == probe.Protocol }) {
			ports = append(ports, model.Port{Number: probe.Port, Protocol: probe.Protocol})
		}
	}
	return ports
}

// applications apply the policies, with the names that namespaces have in the case.
func applications(plan *assert.Plan) (do []cases.Action) {
	for _, p := range plan.Policies() {
		renamed := p.DeepCopy()
		renamed.Namespace = logical(p.Namespace)
		for i := range renamed.Spec.Ingress {
			rename(renamed.Spec.Ingress[i].From)
		}
		for i := range renamed.Spec.Egress {
			rename(renamed.Spec.Egress[i].To)
		}
		do = append(do, cases.ApplyPolicy{Policy: renamed})
	}
	return do
}

// rename has selectors ask for the real names of namespaces, which only the run knows.
func rename(peers []netv1.NetworkPolicyPeer) {
	real := func(name string) string { return "${ns:" + logical(name) + "}" }
	for _, peer := range peers {
		if peer.NamespaceSelector == nil {
			continue
		}
		if name, ok := peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]; ok {
			peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName] = real(name)
		}
		for _, e := range peer.NamespaceSelector.MatchExpressions {
			for i, name := range e.Values {
				if e.Key == corev1.LabelMetadataName {
					e.Values[i] = real(name)
				}
			}
		}
	}
}
