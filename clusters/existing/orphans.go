package existing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"

	"github.com/netassay/netassay/engines/profile"
)

// Orphan is what is left in the API, of one kind, of an engine of which no agents are there.
type Orphan struct {
	Engine string // as people call it
	Kind   string // OrphanResource, OrphanHeld or OrphanGroup
	Names  []string
}

// The kinds of orphans.
const (
	// OrphanResource is a kind of objects that the engine brought along, whether there are any or not.
	OrphanResource = "API resource"
	// OrphanHeld is an object that was deleted and stays, for nobody takes its finalizer away.
	OrphanHeld = "held object"
	// OrphanGroup is an API group for which a server is registered that does not answer. Namespaces
	// can't be deleted while there is one.
	OrphanGroup = "unanswered API group"
)

// mostListed are the objects of a resource that are looked at.
const mostListed = 500

// Orphans tells what engines that have no agents here left in the API: see Orphan. What the user may
// not list is left out.
func (c *Cluster) Orphans(ctx context.Context, profiles []profile.Profile) ([]Orphan, error) {
	there, err := c.Engines(ctx, profiles)
	if err != nil {
		return nil, err
	}
	owners := absent(there, profiles)
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	lists, err := client.Discovery().ServerPreferredResources()
	silent, partly := discovery.GroupDiscoveryFailedErrorGroups(err)
	if err != nil && !partly {
		return nil, fmt.Errorf("ask for API resources: %w", err)
	}
	found := orphans{}
	for gv := range silent {
		found.add(owners[gv.Group], OrphanGroup, gv.String())
	}
	resources := owned(lists, owners)
	for _, r := range resources {
		found.add(owners[r.Group], OrphanResource, r.GroupResource().String())
	}
	if err := c.held(ctx, resources, owners, found); err != nil {
		return nil, err
	}
	return found.sorted(), nil
}

// absent are the engines that are not there, by the API groups that are theirs.
func absent(there []Engine, profiles []profile.Profile) map[string]string {
	owners := map[string]string{}
	for _, p := range profiles {
		names := []string{p.Title}
		for _, t := range p.Recognise {
			names = append(names, t.Title)
		}
		if slices.ContainsFunc(there, func(e Engine) bool { return slices.Contains(names, e.Name) }) {
			continue
		}
		for _, group := range p.APIGroups {
			owners[group] = p.Title
		}
	}
	return owners
}

// owned are the resources whose group has an owner; parts of others, such as status, are none.
func owned(lists []*metav1.APIResourceList, owners map[string]string) []schema.GroupVersionResource {
	var out []schema.GroupVersionResource
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil || owners[gv.Group] == "" {
			continue
		}
		for _, r := range list.APIResources {
			if !strings.Contains(r.Name, "/") {
				out = append(out, gv.WithResource(r.Name))
			}
		}
	}
	return out
}

// held finds objects of resources, and definitions of resources, that finalizers keep.
func (c *Cluster) held(ctx context.Context, resources []schema.GroupVersionResource, owners map[string]string, found orphans) error {
	client, err := metadata.NewForConfig(c.REST())
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	for _, r := range append(slices.Clone(resources), definitions) {
		list, err := client.Resource(r).List(ctx, metav1.ListOptions{Limit: mostListed})
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", r.GroupResource(), err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			owner := owners[r.Group]
			if r == definitions {
				_, group, _ := strings.Cut(o.Name, ".")
				owner = owners[group]
			}
			if o.DeletionTimestamp != nil && len(o.Finalizers) > 0 {
				name := strings.TrimPrefix(o.Namespace+"/"+o.Name, "/")
				found.add(owner, OrphanHeld, fmt.Sprintf("%s %s (%s)", r.GroupResource(), name, strings.Join(o.Finalizers, ", ")))
			}
		}
	}
	return nil
}

// orphans are names by the engine and kind.
type orphans map[[2]string][]string

// add adds a name of something that belongs to an engine that is not there.
func (o orphans) add(engine, kind, name string) {
	if engine != "" {
		key := [2]string{engine, kind}
		o[key] = append(o[key], name)
	}
}

func (o orphans) sorted() []Orphan {
	var out []Orphan
	for _, key := range slices.SortedFunc(maps.Keys(o), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		names := slices.Sorted(slices.Values(o[key]))
		out = append(out, Orphan{Engine: key[0], Kind: key[1], Names: names})
	}
	return out
}
