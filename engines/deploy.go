package engines

import (
	"context"

	"k8s.io/client-go/rest"
)

// Target is a cluster of which only the API server is within reach: an engine is deployed
// to it by objects.
type Target struct {
	// REST reaches the API server as admin.
	REST *rest.Config
	// Image maps the name of a program of an engine ("enforcer") to an image that the
	// cluster's nodes can start.
	Image func(name string) string
	// Nodes are the names of the nodes that must be served.
	Nodes []string
}

// Deployable is an engine that can work on clusters whose nodes are out of reach. Its Start
// and Stop are for nodes that are not.
type Deployable interface {
	Engine
	// Deploy makes the engine's objects and returns when it says on every node that it is
	// in sync, or with the reason why it can't be.
	Deploy(ctx context.Context, target Target) error
	// Undeploy removes what Deploy made; what is in the nodes' kernels stays.
	Undeploy(ctx context.Context) error
}
