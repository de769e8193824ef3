package audit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/reach/shadow"
	"github.com/netassay/netassay/suites/fixture"
)

// Needs are what Run asks of a cluster, beside what reading it takes.
func Needs(p *shadow.Plan, o fixture.Run) clusters.Needs {
	type verbs = []clusters.Verb
	needs := clusters.Needs{RunLabel: fixture.RunLabel, RunID: p.ID, Nodes: 1, Permissions: []clusters.Permission{
		{Resource: "namespaces", Verbs: verbs{
			{Name: "create", Why: "one for each that is stood for"},
			{Name: "delete", Why: "of these, at the end"},
			{Name: "list", Why: "to find those of this run by its label"},
		}},
		{Resource: "pods", Verbs: verbs{
			{Name: "create", Why: "the probe pods"},
			{Name: "get", Why: "to wait until they run"},
		}},
		clusters.ExecPermission("each pod's prober is spoken to through a command"),
		{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: verbs{
			{Name: "create", Why: "copies of policies, in those namespaces"},
			{Name: "delete", Why: "of these, to show that silence was theirs"},
		}},
	}}
	if o.PullSecret != nil {
		needs.Permissions = append(needs.Permissions, clusters.Permission{Group: corev1.GroupName, Resource: "secrets", Verbs: verbs{
			{Name: "create", Why: "the credentials of --pull-secret, in those namespaces"},
		}})
	}
	needs.Samples = samples(p, o)
	return needs
}

// samples are a pod and its namespace for each standard of Pod Security that is asked for.
func samples(p *shadow.Plan, o fixture.Run) []clusters.Sample {
	var out []clusters.Sample
	tried := map[string]bool{}
	for _, n := range p.Namespaces {
		standard := n.Labels[podspec.EnforceLabel]
		i := slices.IndexFunc(p.Pods, func(pod shadow.Pod) bool { return pod.Namespace == n.Name })
		if i >= 0 && !tried[standard] {
			tried[standard] = true
			out = append(out, clusters.Sample{Namespace: namespaceObject(p.ID, n), Pod: podObject(o, &p.Pods[i])})
		}
	}
	return out
}
