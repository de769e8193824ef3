package verify

import (
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/clusters"
)

// Needs are what Run will ask of its cluster. On a single node the two pods share it.
func Needs() clusters.Needs { return clusters.Needs{Permissions: Permissions(), Nodes: 2} }

// Permissions are what Run calls.
func Permissions() []clusters.Permission {
	type verbs = []clusters.Verb
	return []clusters.Permission{
		{Resource: "nodes", Verbs: verbs{{Name: "list", Why: "to choose nodes for the two pods"}}},
		{Resource: "namespaces", Verbs: verbs{
			{Name: "create", Why: "the namespace " + Namespace + ", for the two pods"},
			{Name: "delete", Why: "of it, at the end"},
			{Name: "get", Why: "to see that it is gone"},
		}},
		{Resource: "pods", Verbs: verbs{
			{Name: "create", Why: "the pods server and client"},
			{Name: "get", Why: "to wait until they are ready"},
			{Name: "patch", Why: "the client gets the label that the policy asks for"},
		}},
		clusters.ExecPermission("the client connects by a command in its pod"),
		{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: verbs{{Name: "create", Why: "the policy of the documentation"}}},
	}
}
