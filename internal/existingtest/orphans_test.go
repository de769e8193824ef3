package existingtest

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/engines/profile"
	"github.com/netassay/netassay/engines/registry"
)

// What Calico brings along: a resource, and an API group that a server of its own answers for.
const calicos = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: bgppeers.crd.projectcalico.org}
spec:
  group: crd.projectcalico.org
  scope: Cluster
  names: {plural: bgppeers, singular: bgppeer, kind: BGPPeer}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v3.projectcalico.org}
spec:
  group: projectcalico.org
  version: v3
  groupPriorityMinimum: 1500
  versionPriority: 200
  insecureSkipTLSVerify: true
  service: {namespace: calico-apiserver, name: calico-api}
---
apiVersion: crd.projectcalico.org/v1
kind: BGPPeer
metadata: {name: rack, finalizers: [example.org/nobody]}
`

var bgpPeers = schema.GroupVersionResource{Group: "crd.projectcalico.org", Version: "v1", Resource: "bgppeers"}

// brought are resources by the kind of their objects.
var brought = map[string]schema.GroupVersionResource{
	"CustomResourceDefinition": {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	"APIService":               {Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"},
	"BGPPeer":                  bgpPeers,
}

// bring creates what Calico brings along, and takes it away at the end of the test.
func (f *theirs) bring(t *testing.T) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(f.lab.REST())
	must(t, err)
	for text := range strings.SplitSeq(calicos, "---\n") {
		var o unstructured.Unstructured
		must(t, yaml.Unmarshal([]byte(text), &o.Object))
		of := client.Resource(brought[o.GetKind()])
		eventually(t, o.GetKind()+" is served", func() bool {
			_, err := of.Create(t.Context(), &o, metav1.CreateOptions{})
			return err == nil
		})
		t.Cleanup(func() {
			ctx := context.WithoutCancel(t.Context())
			if o.GetKind() != "BGPPeer" {
				must(t, of.Delete(ctx, o.GetName(), metav1.DeleteOptions{}))
			}
			eventually(t, o.GetKind()+" is gone", func() bool {
				_, err := of.Get(ctx, o.GetName(), metav1.GetOptions{})
				return err != nil
			})
		})
	}
	return client
}

// An engine that has no agents any more, and whose API objects are still there, is told of.
func (f *theirs) testOrphans(t *testing.T) {
	const owner = "owner"
	_, err := f.admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: owner},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: owner}},
	}, metav1.CreateOptions{})
	must(t, err)
	client := f.bring(t)
	peers := client.Resource(bgpPeers)
	must(t, peers.Delete(t.Context(), "rack", metav1.DeleteOptions{}))
	t.Cleanup(func() {
		_, err := peers.Patch(context.WithoutCancel(t.Context()), "rack", "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		must(t, err)
	})
	all := []existing.Orphan{
		{Engine: "Calico", Kind: existing.OrphanResource, Names: []string{"bgppeers.crd.projectcalico.org"}},
		{Engine: "Calico", Kind: existing.OrphanHeld, Names: []string{"bgppeers.crd.projectcalico.org rack (example.org/nobody)"}},
		{Engine: "Calico", Kind: existing.OrphanGroup, Names: []string{"projectcalico.org/v3"}},
	}
	check := func(what, user string, profiles []profile.Profile, want []existing.Orphan) {
		t.Helper()
		got, err := f.front(t, user).open().Orphans(t.Context(), profiles)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("all rights", owner, registry.Profiles(), all)
	check("no right to list Calico's objects", theUser, registry.Profiles(), []existing.Orphan{all[0], all[2]})
	check("profiles of no engine", owner, nil, nil)
}
