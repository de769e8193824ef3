package live

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/reach/inventory"
)

// foreignPolicies counts the policies of other APIs that this cluster has.
func foreignPolicies(ctx context.Context, cfg *rest.Config) ([]inventory.Kind, error) {
	found, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	// A group whose server is away hides no other: what can be seen is counted.
	lists, err := found.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("list kinds of objects: %w", err)
	}
	client, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	var out []inventory.Kind
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue // no such group is ours to know
		}
		for _, r := range resourcesOf(list) {
			k, err := count(ctx, client.Resource(version.WithResource(r.Name)), inventory.Kind{APIVersion: list.GroupVersion, Kind: r.Kind})
			if err != nil {
				return nil, err
			}
			if k.N != 0 {
				out = append(out, k)
			}
		}
	}
	return out, nil
}

// count counts objects by their metadata. Who may not list them learns that there may be some.
func count(ctx context.Context, client metadata.ResourceInterface, k inventory.Kind) (inventory.Kind, error) {
	err := each(ctx, k.String(), page(client.List), func(runtime.Object) error {
		k.N++
		return nil
	}, nil)
	if apierrors.IsForbidden(err) {
		k.N = inventory.Uncounted
		return k, nil
	}
	return k, err
}
