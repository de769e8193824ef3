package clusters

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/pods"
)

// Streams are a command's standard streams. A nil stream is /dev/null.
type Streams = pods.Streams

// Cluster is a running cluster that a suite can work on.
type Cluster interface {
	// Name tells clusters apart in reports, e.g. "lab-3f2a".
	Name() string
	// REST is a fresh copy of the configuration that reaches the API server as admin.
	REST() *rest.Config
	// Families are the IP families that every pod has, primary first.
	Families() []model.Family
	// Nodes are the names of the nodes that can hold pods, sorted.
	Nodes() []string
	// Image maps what a suite wants to run ("agnhost", "probe") to an image name that
	// this cluster's nodes can start.
	Image(name string) string
	// Exec runs command in a container of a running pod until it ends or ctx does. It
	// must not depend on the pod's network. An *ExitError is the command's own
	// non-zero exit; any other error means that the command may not have run.
	Exec(ctx context.Context, namespace, pod, container string, command []string, s Streams) error
}

// ByNode is a cluster whose nodes are within reach: engines run on them as processes.
type ByNode interface {
	Cluster
	EngineNodes() []engines.Node
}

// Addresser is a cluster in which a pod gets the address that it asks for, once it is free, or
// addresses of one family only.
type Addresser interface {
	// AddressAnnotation is the annotation of the pod with the address.
	AddressAnnotation() string
	// FamilyAnnotation is the annotation of the pod with the family, a model.Family.
	FamilyAnnotation() string
}

// Outside is a cluster with hosts outside of it, which have every address of
// model.OutsideRanges: pods reach them, and they reach pods, with nobody's address changed.
type Outside interface {
	// Outside runs commands on these hosts, all of which are one, whatever pod is named.
	Outside() pods.Execer
	// BalancerIPs are addresses beside the node's own by which these hosts reach it, of each family
	// one, as those of load balancers are: others for each node port.
	BalancerIPs(node string, nodePort uint16) []netip.Addr
}

// APIRestarter is a cluster whose API server can be killed and started again.
type APIRestarter interface {
	// RestartAPIServer does so, and calls meanwhile when it works again but no node reaches it
	// yet. It returns when they do.
	RestartAPIServer(ctx context.Context, meanwhile func(context.Context) error) error
}

// ExitError is the non-zero exit of a command that did run.
type ExitError struct {
	Code int
}

func (e *ExitError) Error() string { return fmt.Sprintf("command exited with code %d", e.Code) }

// Needs are what a suite is about to ask of a cluster, so that it can be told beforehand
// what it would not get.
type Needs struct {
	// RunID is the value of the label RunLabel of all that the suite creates.
	RunLabel, RunID string
	Permissions     []Permission
	// Samples are one pod of each kind that the suite creates.
	Samples []Sample
	// Nodes is how many nodes the suite would use; with fewer, parts of it are skipped.
	Nodes int
}

// Permission is something that the suite does to a kind of object, in namespaces that it
// has yet to create, or outside of namespaces.
type Permission struct {
	Group, Resource, Subresource string
	Verbs                        []Verb
}

// Rule is how a rule of RBAC writes the kind of object.
func (p Permission) Rule() string {
	if p.Subresource == "" {
		return p.Resource
	}
	return p.Resource + "/" + p.Subresource
}

// Verb is what is done to objects of a kind, and what for.
type Verb struct{ Name, Why string }

// ExecPermission is what Cluster.Exec calls. Over WebSocket it is a GET, over SPDY a POST, and
// recent API servers want both rights for the first.
func ExecPermission(why string) Permission {
	return Permission{Resource: "pods", Subresource: "exec", Verbs: []Verb{
		{Name: "create", Why: why + ", over SPDY"},
		{Name: "get", Why: why + ", over WebSocket"},
	}}
}

// Sample is a pod with the namespace that it is created in.
type Sample struct {
	Namespace *corev1.Namespace
	Pod       *corev1.Pod
}
