package runner

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

// Needs are what a run by this configuration will ask of its cluster. Of cfg it looks at
// Cluster, Cases, RunID, Restricted and PullSecret.
func Needs(cfg Config) clusters.Needs {
	a := fixture.Set{Run: cfg.objects(), Name: "preflight"}
	first := cases.FixturePods()[0]
	first.Namespace = a.Namespace(first.Namespace)
	return clusters.Needs{
		RunLabel: fixture.RunLabel, RunID: cfg.RunID,
		Permissions: permissions(cfg.PullSecret != nil),
		Samples: []clusters.Sample{
			{Namespace: a.NamespaceObject(cases.Namespace{Name: first.Namespace}), Pod: a.PodObject(first)},
			{Namespace: a.ControlNamespaceObject(), Pod: a.ControlPodObject(1)},
		},
		Nodes: cases.FixtureNodes,
	}
}

// permissions are what the code of this package calls; examples/existing/rbac.yaml grants
// them. An exec over WebSocket is a GET, one over SPDY a POST, and recent API servers want
// both rights for the first.
func permissions(secrets bool) []clusters.Permission {
	all := []clusters.Permission{
		{Resource: "nodes", Verbs: []string{"list"}},
		{Resource: "namespaces", Verbs: []string{"create", "delete", "get", "list", "patch"}},
		{Resource: "pods", Verbs: []string{"create", "delete", "get", "list", "patch"}},
		{Resource: "pods", Subresource: "exec", Verbs: []string{"create", "get"}},
		{Resource: "services", Verbs: []string{"create", "delete", "get"}},
		{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: []string{"create", "delete", "get", "list", "patch", "update"}},
	}
	if secrets {
		all = append(all, clusters.Permission{Group: corev1.GroupName, Resource: "secrets", Verbs: []string{"create"}})
	}
	return slices.Clip(all)
}
