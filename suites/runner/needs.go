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
		Permissions: Permissions(cfg.PullSecret != nil),
		Samples: []clusters.Sample{
			{Namespace: a.NamespaceObject(cases.Namespace{Name: first.Namespace}), Pod: a.PodObject(first)},
			{Namespace: a.ControlNamespaceObject(), Pod: a.ControlPodObject(1)},
		},
		Nodes: cases.FixtureNodes,
	}
}

// Permissions are what the code of this package calls, with secrets when there is a pull secret;
// examples/existing/rbac.yaml grants them.
func Permissions(secrets bool) []clusters.Permission {
	type verbs = []clusters.Verb
	all := []clusters.Permission{
		{Resource: "nodes", Verbs: verbs{{Name: "list", Why: "to choose nodes for pods, and to know which are out of order"}}},
		{Resource: "namespaces", Verbs: verbs{
			{Name: "create", Why: "for the pods of the run, which go nowhere else"},
			{Name: "delete", Why: "of these, at the end"},
			{Name: "get", Why: "to see that they are as made, and gone"},
			{Name: "list", Why: "to find those of this run by its label"},
			{Name: "patch", Why: "cases change the labels of namespaces"},
		}},
		{Resource: "pods", Verbs: verbs{
			{Name: "create", Why: "the pods that probe and are probed"},
			{Name: "delete", Why: "cases delete pods, and make others with their names"},
			{Name: "get", Why: "to wait until they are ready or gone"},
			{Name: "list", Why: "to see that a namespace is as it was before a case"},
			{Name: "patch", Why: "cases change the labels of pods"},
		}},
		clusters.ExecPermission("probers are driven by exec"),
		{Resource: "services", Verbs: verbs{
			{Name: "create", Why: "pods are probed by their Services too"},
			{Name: "delete", Why: "cases delete Services"},
			{Name: "get", Why: "to learn the addresses of Services"},
		}},
		{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: verbs{
			{Name: "create", Why: "the policies of cases, in namespaces of the run"},
			{Name: "delete", Why: "cases delete policies"},
			{Name: "get", Why: "to change policies as they are"},
			{Name: "list", Why: "to see that none is left after a case"},
			{Name: "patch", Why: "cases change policies by patches"},
			{Name: "update", Why: "cases change policies as a whole"},
		}},
	}
	if secrets {
		all = append(all, clusters.Permission{Group: corev1.GroupName, Resource: "secrets", Verbs: verbs{
			{Name: "create", Why: "the credentials of --pull-secret, in namespaces of the run"},
		}})
	}
	return slices.Clip(all)
}
