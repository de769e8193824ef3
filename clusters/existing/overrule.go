package existing

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
)

// A wide kind of policy is for the whole cluster, and decides beside NetworkPolicies.
type wide struct{ group, version, resource, kind string }

// wideKinds are those that are known.
func wideKinds() []wide {
	return []wide{
		{"policy.networking.k8s.io", "v1alpha2", "clusternetworkpolicies", "ClusterNetworkPolicy"},
		{"policy.networking.k8s.io", "v1alpha1", "adminnetworkpolicies", "AdminNetworkPolicy"},
		{"policy.networking.k8s.io", "v1alpha1", "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy"},
		{"cilium.io", "v2", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy"},
		{"crd.projectcalico.org", "v1", "globalnetworkpolicies", "GlobalNetworkPolicy"},
	}
}

// wideLooks are the rights to look for them.
func wideLooks() []clusters.Permission {
	var all []clusters.Permission
	for _, w := range wideKinds() {
		all = append(all, clusters.Permission{Group: w.group, Resource: w.resource, Verbs: []clusters.Verb{
			{Name: "list", Why: "to tell of policies for the whole cluster, which verdicts may come from"},
		}})
	}
	return all
}

// maxNamed is how many objects a line names.
const maxNamed = 3

// overruled tells of policies that may decide over the suite's pods in place of its own. What may
// not be read, and what the cluster does not have, is passed over.
func overruled(ctx context.Context, client rest.Interface) []Problem {
	var problems []Problem
	for _, w := range wideKinds() {
		text, err := client.Get().AbsPath("/apis/"+w.group+"/"+w.version+"/"+w.resource).SetHeader("Accept", "application/json").Do(ctx).Raw()
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			continue
		}
		var list metav1.PartialObjectMetadataList
		if err == nil {
			err = json.Unmarshal(text, &list)
		}
		if err != nil {
			problems = append(problems, lesser("can't look for %s: %v", w.resource, err))
			continue
		}
		if len(list.Items) > 0 {
			problems = append(problems, lesser("%s %s: where it selects namespaces netassay-*, its verdicts are taken for the engine's: exempt them", w.kind, named(list.Items)))
		}
	}
	return problems
}

// named are the names of objects, the first of them.
func named(items []metav1.PartialObjectMetadata) string {
	var names []string
	for _, item := range items[:min(len(items), maxNamed)] {
		names = append(names, item.Name)
	}
	if more := len(items) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// namespaceFile says which namespace a pod is in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// ownNamespace is the namespace of the pod that this runs in, "" outside of one.
func ownNamespace() string {
	text, err := os.ReadFile(namespaceFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// besieged tells of policies around the pod that this runs in, which is not to be touched.
func besieged(ctx context.Context, client kubernetes.Interface, namespace string) []Problem {
	if namespace == "" {
		return nil
	}
	list, err := client.NetworkingV1().NetworkPolicies(namespace).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		return nil // a right that is missing has its line where it is needed
	}
	var items []metav1.PartialObjectMetadata
	for i := range list.Items {
		items = append(items, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: list.Items[i].Name}})
	}
	return []Problem{lesser("namespace %s, where this runs, has the NetworkPolicy %s: if it cuts Sonobuoy's worker off from its aggregator, results stay in the pod; nothing is changed there", namespace, named(items))}
}
