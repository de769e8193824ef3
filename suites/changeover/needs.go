package changeover

import (
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/suites/fixture"
)

// Needs are what Run asks of a cluster, of which objects names some nodes.
func Needs(objects fixture.Run) clusters.Needs {
	type verbs = []clusters.Verb
	needs := clusters.Needs{RunLabel: fixture.RunLabel, RunID: objects.ID, Nodes: 2, Permissions: []clusters.Permission{
		{Resource: "nodes", Verbs: verbs{{Name: "list", Why: "to choose nodes for the pods"}}},
		{Resource: "namespaces", Verbs: verbs{
			{Name: "create", Why: "one namespace, for pods and policies"},
			{Name: "delete", Why: "of it, at the end"},
		}},
		{Resource: "pods", Verbs: verbs{
			{Name: "create", Why: "four on each node that is watched"},
			{Name: "get", Why: "to wait until they run"},
		}},
		clusters.ExecPermission("each pod's prober is spoken to through a command"),
		{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: verbs{{Name: "create", Why: "two policies, in that namespace"}}},
	}}
	if objects.PullSecret != nil {
		needs.Permissions = append(needs.Permissions, clusters.Permission{Resource: "secrets", Verbs: verbs{
			{Name: "create", Why: "the credentials of --pull-secret, in that namespace"},
		}})
	}
	if len(objects.Nodes) > 0 {
		needs.Samples = []clusters.Sample{{Namespace: objects.WatchNamespaceObject(), Pod: objects.WatchPodObject(fixture.Guarded, 1)}}
	}
	return needs
}
