package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// pageSize is how many objects are asked for at once: some megabytes of pods.
const pageSize = 500

// Progress is told how many objects of a kind were read so far.
type Progress func(kind string, n int)

// granted ends a line about a right that is missing.
const granted = ", as examples/existing/read.yaml does"

// Permissions are all that Read needs; examples/existing/read.yaml grants them.
func Permissions() []clusters.Permission {
	list := []clusters.Verb{{Name: "list", Why: "to read what policies can see"}}
	var out []clusters.Permission
	for _, resource := range []string{"namespaces", "nodes", "pods", "services"} {
		out = append(out, clusters.Permission{Resource: resource, Verbs: list})
	}
	return append(out, clusters.Permission{Group: netv1.GroupName, Resource: "networkpolicies", Verbs: list})
}

// Read reads a cluster. Between the first page and the last it may change: what is read of each
// kind is of one instant, what is read of two kinds is not.
func Read(ctx context.Context, c *existing.Cluster, told Progress) (*inventory.Inventory, error) {
	lines, err := c.Lacks(ctx, Permissions())
	if err != nil {
		return nil, fmt.Errorf("read cluster %s: %w: is the cluster up, and --context the right one?", c.Name(), err)
	}
	if len(lines) > 0 {
		return nil, errors.New(strings.Join(lines, granted+"\n") + granted)
	}
	cfg := rest.CopyConfig(c.REST())
	cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	v, err := read(ctx, client, told)
	if err != nil {
		return nil, fmt.Errorf("read cluster %s: %w", c.Name(), err)
	}
	foreign, err := foreignPolicies(ctx, c.REST())
	if err != nil {
		return nil, fmt.Errorf("read cluster %s: %w", c.Name(), err)
	}
	v.Foreign = append(v.Foreign, foreign...)
	v.Sort()
	return v, nil
}

// read reads what policies can see, kind by kind.
func read(ctx context.Context, client kubernetes.Interface, told Progress) (*inventory.Inventory, error) {
	var b inventory.Builder
	core, net := client.CoreV1(), client.NetworkingV1()
	const origin = "the cluster"
	for _, kind := range []struct {
		name string
		list pager.ListPageFunc
		add  func(runtime.Object) error
	}{
		{"namespaces", page(core.Namespaces().List), func(o runtime.Object) error {
			return b.Namespace(origin, model.NamespaceFromAPI(o.(*corev1.Namespace)))
		}},
		{"nodes", page(core.Nodes().List), func(o runtime.Object) error {
			return b.Node(origin, model.NodeFromAPI(o.(*corev1.Node)))
		}},
		{"pods", page(core.Pods("").List), func(o runtime.Object) error {
			p, ok := model.PodFromAPI(o.(*corev1.Pod))
			if !ok {
				return nil
			}
			p.UID = "" // nothing asks for it
			return b.Pod(origin, p)
		}},
		{"services", page(core.Services("").List), func(o runtime.Object) error {
			return b.Service(origin, inventory.ServiceFromAPI(o.(*corev1.Service)))
		}},
		{"networkpolicies", page(net.NetworkPolicies("").List), func(o runtime.Object) error {
			return b.Policy(origin, policy(o.(*netv1.NetworkPolicy)))
		}},
	} {
		if err := each(ctx, kind.name, kind.list, kind.add, told); err != nil {
			return nil, err
		}
	}
	return b.Done(), nil
}

// policy keeps what decides, without annotations, which may hold anything.
func policy(p *netv1.NetworkPolicy) *netv1.NetworkPolicy {
	kept := &netv1.NetworkPolicy{Spec: p.Spec}
	kept.Namespace, kept.Name = p.Namespace, p.Name
	return kept
}

// page is a typed client's List as the pager wants it.
func page[L runtime.Object](list func(context.Context, metav1.ListOptions) (L, error)) pager.ListPageFunc {
	return func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return list(ctx, o) }
}

// each adds the objects of one kind, page by page.
func each(ctx context.Context, kind string, list pager.ListPageFunc, add func(runtime.Object) error, told Progress) error {
	pages := pager.New(list)
	pages.PageSize = pageSize
	pages.PageBufferSize = 1
	n := 0
	err := pages.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		if n++; told != nil && n%pageSize == 0 {
			told(kind, n)
		}
		return add(o)
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", kind, err)
	}
	if told != nil && n%pageSize != 0 { // else it was told
		told(kind, n)
	}
	return nil
}

// resourcesOf are the kinds of a group version that are policies.
func resourcesOf(list *metav1.APIResourceList) []metav1.APIResource {
	return slices.DeleteFunc(slices.Clone(list.APIResources), func(r metav1.APIResource) bool {
		return strings.Contains(r.Name, "/") || !slices.Contains(r.Verbs, "list") || !inventory.ForeignPolicy(list.GroupVersion, r.Kind)
	})
}
