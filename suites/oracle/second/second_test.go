package second

import (
	"flag"
	"maps"
	"testing"

	"github.com/mattfenwick/cyclonus/pkg/kube"
	"github.com/mattfenwick/cyclonus/pkg/matcher"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fuzz"
	"github.com/netassay/netassay/suites/oracle"
)

var draws = flag.Int("draws", 30, "how many cases are drawn")

// Both oracles say the same of every cell between pods. Nodes are left out: cyclonus does not
// know that a pod's own node may always reach it.
func TestSecondOracleAgrees(t *testing.T) {
	const seed = 1
	g := fuzz.NewGenerator(seed, fuzz.Options{Steps: 6, Prefixes: true})
	count := map[model.Verdict]int{}
	for range *draws {
		c := g.Next()
		cluster := cases.NewFakeCluster(model.IPv4, model.IPv6)
		for i, step := range c.Steps {
			if err := cluster.Do(step.Do...); err != nil {
				t.Fatal(err)
			}
			s := cluster.Snapshot
			other := matcher.BuildNetworkPolicies(false, translated(s.Policies))
			for _, k := range c.Cells(i, cluster.Families()) {
				f, ok := k.Flow(cluster)
				if !ok || k.Client == k.Server {
					continue
				}
				ours := oracle.Evaluate(s, f)
				count[ours.Verdict]++
				if allowed := other.IsTrafficAllowed(traffic(s, f)).IsAllowed(); (ours.Verdict == model.Allow) != allowed {
					t.Fatalf("seed %d, %s, %s: %s: ours says %s (%s), cyclonus allows: %t", seed, c.Name, step.Name, f, ours.Verdict, ours.Reason, allowed)
				}
			}
		}
	}
	t.Logf("verdicts: %v", count)
	if count[model.Allow] < 5000 || count[model.Deny] < 5000 {
		t.Errorf("verdicts: %v, want 5,000 of each at least", count)
	}
}

// The faults of cyclonus that the test works around. When one is gone, so should its way around.
func TestKnownFaults(t *testing.T) {
	notIn := metav1.LabelSelectorRequirement{Key: "absent", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"a"}}
	if kube.IsMatchExpressionMatchForLabels(nil, notIn) {
		t.Error("NotIn matches an absent key by now")
	}
	if !kube.IsLabelsMatchLabelSelector(nil, metav1.LabelSelector{MatchLabels: map[string]string{"absent": ""}}) {
		t.Error(`matchLabels with "" does not match an absent key any more`)
	}
}

// nothing is the value of labels that are not there, in what cyclonus is given: it reads NotIn
// and "" of absent keys wrongly, so it sees none.
const nothing = "there-is-none"

// translated are policies for worlds in which every key has a value.
func translated(all []*netv1.NetworkPolicy) []*netv1.NetworkPolicy {
	var out []*netv1.NetworkPolicy
	for _, p := range all {
		p = p.DeepCopy()
		translate(&p.Spec.PodSelector)
		for _, d := range []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress} {
			for _, r := range oracle.Rules(&p.Spec, d) {
				for _, peer := range r.Peers {
					translate(peer.PodSelector)
					translate(peer.NamespaceSelector)
				}
			}
		}
		p.Spec.PolicyTypes = oracle.PolicyTypes(&p.Spec) // which the API server fills in
		out = append(out, p)
	}
	return out
}

func translate(s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	for i := range s.MatchExpressions {
		switch r := &s.MatchExpressions[i]; r.Operator {
		case metav1.LabelSelectorOpExists:
			r.Operator, r.Values = metav1.LabelSelectorOpNotIn, []string{nothing}
		case metav1.LabelSelectorOpDoesNotExist:
			r.Operator, r.Values = metav1.LabelSelectorOpIn, []string{nothing}
		}
	}
}

// filled are labels with a value for every key that selectors are about.
func filled(labels map[string]string) map[string]string {
	out := map[string]string{}
	for _, key := range fuzz.Keys() {
		out[key] = nothing
	}
	maps.Copy(out, labels)
	return out
}

// traffic is a flow as cyclonus has it.
func traffic(s model.Snapshot, f model.Flow) *matcher.Traffic {
	server := pod(s, f.Server.String())
	name := ""
	for _, p := range server.Ports {
		if p.Number == f.Port && p.Protocol == f.Protocol {
			name = p.Name
		}
	}
	return &matcher.Traffic{
		Source: peer(s, pod(s, f.Client.String()), f.Client.String()), Destination: peer(s, server, f.Server.String()),
		ResolvedPort: int(f.Port), ResolvedPortName: name, Protocol: f.Protocol,
	}
}

func pod(s model.Snapshot, ip string) model.Pod {
	for _, p := range s.Pods {
		for _, addr := range p.IPs {
			if addr.String() == ip && !p.HostNetwork {
				return p
			}
		}
	}
	return model.Pod{}
}

func peer(s model.Snapshot, p model.Pod, ip string) *matcher.TrafficPeer {
	internal := &matcher.InternalPeer{PodLabels: filled(p.Labels), Namespace: p.Namespace}
	for _, n := range s.Namespaces {
		if n.Name == p.Namespace {
			internal.NamespaceLabels = filled(n.Labels)
		}
	}
	return &matcher.TrafficPeer{Internal: internal, IP: ip}
}
