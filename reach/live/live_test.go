package live

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func TestRead(t *testing.T) {
	meta := func(ns, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: ns, Name: name, UID: "u", Annotations: map[string]string{"a": "secret"}}
	}
	client := fake.NewClientset(
		&corev1.Namespace{ObjectMeta: meta("", "shop")},
		&corev1.Node{ObjectMeta: meta("", "n1")},
		&corev1.Pod{ObjectMeta: meta("shop", "web"), Spec: corev1.PodSpec{NodeName: "n1"}},
		&corev1.Pod{ObjectMeta: meta("shop", "done"), Status: corev1.PodStatus{Phase: corev1.PodSucceeded}},
		&corev1.Service{ObjectMeta: meta("shop", "web")},
		&netv1.NetworkPolicy{ObjectMeta: meta("shop", "deny")},
	)
	told := map[string]int{}
	v, err := read(t.Context(), client, func(kind string, n int) { told[kind] = n })
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Pods) != 1 || v.Pods[0].Key() != "shop/web" || v.Pods[0].UID != "" || len(v.Services) != 1 || len(v.Nodes) != 1 {
		t.Errorf("read %+v", v)
	}
	if len(v.Policies) != 1 || len(v.Policies[0].Annotations) != 0 {
		t.Errorf("policies %+v", v.Policies)
	}
	if diff := cmp.Diff(map[string]int{"namespaces": 1, "nodes": 1, "pods": 2, "services": 1, "networkpolicies": 1}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for _, a := range client.Actions() {
		if a.GetVerb() != "list" {
			t.Errorf("asked to %s %s", a.GetVerb(), a.GetResource().Resource)
		}
	}
}

func TestPages(t *testing.T) {
	const all = 3*pageSize + 7
	asked := 0
	list := func(_ context.Context, o metav1.ListOptions) (*corev1.PodList, error) {
		asked++
		first := 0
		if o.Continue != "" {
			if _, err := fmt.Sscan(o.Continue, &first); err != nil {
				return nil, err
			}
		}
		last := min(first+int(o.Limit), all)
		out := &corev1.PodList{Items: make([]corev1.Pod, last-first)}
		if last < all {
			out.Continue = fmt.Sprint(last)
		}
		return out, nil
	}
	n, told := 0, 0
	err := each(t.Context(), "pods", page(list), func(runtime.Object) error { n++; return nil }, func(_ string, n int) { told = n })
	if err != nil || n != all || told != all || asked != 4 {
		t.Errorf("%d objects, told of %d, by %d requests, want %d by 4: %v", n, told, asked, all, err)
	}
}

func TestForeignKinds(t *testing.T) {
	list := &metav1.APIResourceList{GroupVersion: "cilium.io/v2", APIResources: []metav1.APIResource{
		{Name: "ciliumnetworkpolicies", Kind: "CiliumNetworkPolicy", Verbs: []string{"list"}},
		{Name: "ciliumnetworkpolicies/status", Kind: "CiliumNetworkPolicy", Verbs: []string{"get"}},
		{Name: "ciliumendpoints", Kind: "CiliumEndpoint", Verbs: []string{"list"}},
	}}
	got := resourcesOf(list)
	if len(got) != 1 || got[0].Name != "ciliumnetworkpolicies" || len(list.APIResources) != 3 {
		t.Errorf("got %+v", got)
	}
}
