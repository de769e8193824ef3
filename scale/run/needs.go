package run

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Needs are what a guest's run will ask of its cluster. On a single node all pods share it.
func (g *Guest) Needs() clusters.Needs {
	c := cluster{home: g.Cluster, guest: g, nodes: []string{"any"}}
	if there := g.Cluster.Nodes(); len(there) > 0 {
		c.nodes = there
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.space(serversNS)}}
	g.mark(ns)
	return clusters.Needs{
		RunLabel: g.Label, RunID: g.Run, Permissions: Permissions(g.PullSecret != nil), Nodes: 2,
		Samples: []clusters.Sample{{Namespace: ns, Pod: c.proberPod(ns.Name, server, 0, nil)}},
	}
}

// Permissions are what a guest's run calls, with secrets when there is a pull secret.
func Permissions(secrets bool) []clusters.Permission {
	type verbs = []clusters.Verb
	all := []clusters.Permission{
		{Resource: "nodes", Verbs: verbs{{Name: "list", Why: "to choose nodes for pods, and to know how many each may hold"}}},
		{Resource: "namespaces", Verbs: verbs{
			{Name: "create", Why: "for the pods and policies of the run, which go nowhere else"},
			{Name: "delete", Why: "of these, at the end"},
			{Name: "get", Why: "to see that they are gone"},
			{Name: "list", Why: "to find those of this run by its label"},
			{Name: "patch", Why: "the load changes the labels of namespaces"},
		}},
		{Resource: "pods", Verbs: verbs{
			{Name: "create", Why: "the pods that probe, and those of the load"},
			{Name: "delete", Why: "new pods come and go"},
			{Name: "get", Why: "to wait until they run or are gone"},
			{Name: "list", Why: "to see how many run, and how many places nodes have left"},
			{Name: "patch", Why: "labels of pods are changed, which policies select by"},
		}},
		clusters.ExecPermission("probers are driven by exec"),
		{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: verbs{
			{Name: "create", Why: "the policies of the load, and those that are timed, in namespaces of the run"},
			{Name: "delete", Why: "policies come and go"},
			{Name: "update", Why: "policies are edited"},
		}},
	}
	if secrets {
		all = append(all, clusters.Permission{Group: corev1.GroupName, Resource: "secrets", Verbs: verbs{
			{Name: "create", Why: "the credentials of --pull-secret, in namespaces of the run"},
		}})
	}
	return all
}

// CostPermissions are what an engine's cost is read by. They reach far: a kubelet that may be
// read so runs commands in every pod of its node.
func CostPermissions() []clusters.Permission {
	return []clusters.Permission{{Resource: "nodes", Subresource: "proxy", Verbs: []clusters.Verb{
		{Name: "get", Why: "memory and processor time of the engine's agents, by their kubelet's metrics"},
	}}}
}

// Describe fills in what the run's conditions say of the cluster and of its first node.
func (g *Guest) Describe(ctx context.Context, c *v1.ScaleConditions) error {
	client, err := kubernetes.NewForConfig(g.Cluster.REST())
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("read version of the API server: %w", err)
	}
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	c.Cluster, c.Kubernetes, c.Kernel, c.CPUs, c.Memory = g.Cluster.Name(), version.GitVersion, "unknown", 0, 0
	for i := range list.Items {
		if n := &list.Items[i]; len(g.Cluster.Nodes()) > 0 && n.Name == g.Cluster.Nodes()[0] {
			c.Kernel = n.Status.NodeInfo.KernelVersion
			c.CPUs, c.Memory = int(n.Status.Capacity.Cpu().Value()), n.Status.Capacity.Memory().Value()
		}
	}
	return nil
}
