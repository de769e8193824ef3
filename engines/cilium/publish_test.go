package cilium

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func somebody(name, node string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
			{Name: "web", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}, {ContainerPort: 9090}, {Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP},
		}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.1.0.5"}, {IP: "fd00::5"}}},
	}
}

var shop = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop", "team": "a"}}}

// A pod is published as its own agent would have: by the labels of which Cilium makes identities, and
// no others.
func TestEndpointOfAPod(t *testing.T) {
	pod := somebody("web", "far", map[string]string{
		"app": "web", "pod-template-hash": "1a2b", "app.kubernetes.io/name": "web", "kubernetes.io/arch": "x", "topology.kubernetes.io/zone": "1",
		"io.cilium.k8s.policy.cluster": "forged", "io.kubernetes.pod.namespace": "forged", "apps.kubernetes.io/pod-index": "3", "k8s.io/x": "y", "my-k8s.io/x": "y",
	})
	pod.Spec.ServiceAccountName = "default"
	want := map[string]string{
		"k8s:app": "web", "k8s:app.kubernetes.io/name": "web", "k8s:my-k8s.io/x": "y",
		"k8s:io.kubernetes.pod.namespace": "shop", "k8s:io.cilium.k8s.policy.cluster": "default", "k8s:io.cilium.k8s.policy.serviceaccount": "default",
		"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "shop", "k8s:io.cilium.k8s.namespace.labels.team": "a",
		"gen:io.cilium.k8s.named-ports": "dns.UDP.53_web.TCP.8080",
	}
	got := securityLabels(shop, pod)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	o := endpointObject(pod, netip.MustParseAddr("192.0.2.7"), 20001, map[string]string{"k8s:app": "web"})
	wanted := map[string]any{
		"apiVersion": "cilium.io/v2", "kind": "CiliumEndpoint", "metadata": map[string]any{"namespace": "shop", "name": "web"},
		"status": map[string]any{
			"id": int64(20001), "state": "ready", "identity": map[string]any{"id": int64(20001), "labels": []any{"k8s:app=web"}},
			"networking": map[string]any{"addressing": []any{map[string]any{"ipv4": "10.1.0.5", "ipv6": "fd00::5"}}, "node": "192.0.2.7"},
			"named-ports": []any{
				map[string]any{"name": "dns", "port": int64(53), "protocol": "UDP"}, map[string]any{"name": "web", "port": int64(8080), "protocol": "TCP"},
			},
		},
	}
	if diff := cmp.Diff(wanted, o.Object); diff != "" {
		t.Errorf("endpoint (-want +got):\n%s", diff)
	}
}

// Names of ports go on in another label where one has no more room.
func TestManyNamedPorts(t *testing.T) {
	pod := somebody("web", "far", nil)
	for _, name := range []string{"a-name-of-fifty", "b-name-of-fifty", "c-name-of-fifty"} {
		pod.Spec.Containers[0].Ports = append(pod.Spec.Containers[0].Ports, corev1.ContainerPort{Name: name, ContainerPort: 65000})
	}
	want := []string{"a-name-of-fifty.TCP.65000_b-name-of-fifty.TCP.65000", "c-name-of-fifty.TCP.65000_dns.UDP.53_web.TCP.8080"}
	if diff := cmp.Diff(want, portsLabels(pod)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// store is what an API server keeps that knows Cilium's definitions.
func store() *dynamicfake.FakeDynamicClient {
	return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		endpointResource: "CiliumEndpointList", identityResource: "CiliumIdentityList",
	})
}

// stored lists what there is of a kind: the pod's name, and the labels of its identity.
func stored(t *testing.T, from *dynamicfake.FakeDynamicClient) map[string]string {
	t.Helper()
	all, err := from.Resource(endpointResource).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, o := range all.Items {
		labels, _, _ := unstructured.NestedStringSlice(o.Object, "status", "identity", "labels")
		labels = slices.DeleteFunc(labels, func(l string) bool { return !strings.HasPrefix(l, "k8s:app=") && !strings.Contains(l, "labels.team") })
		out[o.GetName()] = strings.Join(labels, " ")
	}
	return out
}

// becomes waits until what is stored is as wanted.
func becomes(t *testing.T, from *dynamicfake.FakeDynamicClient, want map[string]string) {
	t.Helper()
	var diff string
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		diff = cmp.Diff(want, stored(t, from))
		return diff == "", nil
	})
	if err != nil {
		t.Fatalf("endpoints (-want +got):\n%s", diff)
	}
}

// watching tells of each watch that has begun: what is written before it is lost on a client that
// keeps no history.
func watching(client *fake.Clientset) <-chan struct{} {
	began := make(chan struct{}, 100)
	client.PrependWatchReactor("*", func(a clienttesting.Action) (bool, watch.Interface, error) {
		w, err := client.Tracker().Watch(a.GetResource(), a.GetNamespace(), a.(clienttesting.WatchActionImpl).ListOptions)
		began <- struct{}{}
		return true, w, err
	})
	return began
}

// Endpoints follow their pods: those that run, have addresses of their own, and no agent beside them.
func TestPublish(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	onHost, waiting := somebody("on-host", "far", nil), somebody("waiting", "far", nil)
	onHost.Spec.HostNetwork, waiting.Status = true, corev1.PodStatus{Phase: corev1.PodPending}
	client := fake.NewClientset(shop.DeepCopy(), onHost, waiting, somebody("served", "near", nil),
		somebody("a", "far", map[string]string{"app": "x"}), somebody("b", "further", map[string]string{"app": "x"}), somebody("c", "far", map[string]string{"app": "y"}))
	watched := watching(client)
	kept := store()
	refused := false
	kept.PrependReactor("create", "ciliumendpoints", func(clienttesting.Action) (bool, runtime.Object, error) {
		if !refused {
			refused = true
			return true, nil, errors.New("not now")
		}
		return false, nil, nil
	})
	taken := identityObject(firstIdentity, map[string]string{"k8s:of": "an agent"})
	if _, err := kept.Resource(identityResource).Create(ctx, taken, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	p, err := publish(ctx, client, kept, []string{"near"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Await(ctx); err != nil {
		t.Fatal(err)
	}
	for range 3 { // pods, namespaces and nodes
		<-watched
	}
	const x, y, team = "k8s:app=x", "k8s:app=y", " k8s:io.cilium.k8s.namespace.labels.team=a"
	becomes(t, kept, map[string]string{"a": x + team, "b": x + team, "c": y + team})
	if got := p.Made(); got != "3 CiliumEndpoints and 2 CiliumIdentities" {
		t.Errorf("made: %s", got)
	}
	all := client.CoreV1().Pods("shop")
	if _, err := all.Update(ctx, somebody("a", "far", map[string]string{"app": "y"}), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := all.UpdateStatus(ctx, somebody("waiting", "far", map[string]string{"app": "y"}), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := all.Delete(ctx, "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	becomes(t, kept, map[string]string{"a": y + team, "waiting": y + team, "c": y + team})
	other := shop.DeepCopy()
	other.Labels["team"] = "b"
	if _, err := client.CoreV1().Namespaces().Update(ctx, other, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	of := strings.Replace(y+team, "team=a", "team=b", 1)
	becomes(t, kept, map[string]string{"a": of, "waiting": of, "c": of})
}

// What can't be written is said by who waits for it.
func TestPublishThatFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	kept := store()
	kept.PrependReactor("create", "ciliumendpoints", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no such kind")
	})
	p, err := publish(ctx, fake.NewClientset(shop.DeepCopy(), somebody("a", "far", nil)), kept, nil)
	if err != nil {
		t.Fatal(err)
	}
	short, end := context.WithTimeout(ctx, time.Second)
	defer end()
	err = p.Await(short)
	if err == nil || !strings.Contains(err.Error(), "1 of 1 are not") || !strings.Contains(err.Error(), "write endpoint of pod shop/a: no such kind") {
		t.Errorf("error %v", err)
	}
}
