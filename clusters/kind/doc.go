// Package kind runs suites on clusters of kind: nodes are Docker containers with a real
// kubelet and containerd in them. It drives kind's Go library, which calls docker.
//
// It decides how such a cluster is named, networked, found again and taken away. It must
// never enforce a policy (its CNI plugin is ptp, which can't), never let a probe leave the
// machine (nodes have no default route), never touch a cluster that does not carry its
// marker, and never write to the user's own kubeconfig.
//
//	lock ─▶ docker network ─▶ node containers ─▶ ┬ images   ┬ ─▶ nodes Ready ─▶ no way out
//	                                             └ ptp CNI, ┘
//	                                               routes
//
// The Docker network is the marker. It is made first and removed last, it belongs to one
// cluster only, and its labels say which directory holds the lock of the process that owns
// it. So whatever was left behind by a killed process can be found by it alone: containers
// and network by name and label, the kubeconfig by its directory. A cluster whose lock is
// held is in use and no orphan; nor is one that the user asked to keep.
//
// No image is tagged in Docker by a run: what is built from this checkout is loaded into
// the nodes and goes with them. The node image itself is a cache that "make node-image"
// fills, and stays.
package kind
