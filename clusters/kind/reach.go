package kind

import (
	"slices"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/existing"
)

// reach is the cluster as its API server shows it: the same as any other's.
func reach(name string, cfg *rest.Config, places []place, images map[string]string) clusters.Cluster {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.name
	}
	slices.Sort(names)
	return existing.FromREST(cfg, name, names, familiesOf(places[0]), images)
}
