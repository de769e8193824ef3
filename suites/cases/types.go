package cases

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/model"
)

// Case is one behaviour of the NetworkPolicy API: steps that change the cluster, each
// followed by a whole matrix of expected verdicts.
type Case struct {
	Name     string    // kebab-case, the name of its file without .txtar
	Title    string    // one sentence in our words
	Spec     string    // the sentence of the specification that the case checks
	Upstream []int     // numbers of the upstream netpol tests that check the same behaviour
	Features []Feature // what an engine must support to pass
	Probes   []Probe   // which ports are probed on every server; never empty
	Paths    []Path    // how servers are addressed; never empty
	// Nodes says which roles the nodes' own network (the control probers, host network
	// pods named "node/1", "node/2", "node/3") plays in the matrix. Such a case needs
	// three nodes. Nearly always empty: then no cell of a node is pinned.
	Nodes []NodeRole
	// World are hosts outside of the cluster, which are clients and servers of all pods.
	World []netip.Addr
	Steps []Step
	// OwnPorts says that there are no node ports but those of Services that the case creates.
	OwnPorts bool `json:"-"`
	// Alone says that only pods that the case makes have cells: those of the fixture serve none of
	// its probes.
	Alone bool `json:"-"`
	// Whole is the family whose cells between pods are all probed; "" is every family. A run
	// says so, and adds cells of the others to More.
	Whole model.Family `json:"-"`
	// More are cells that are probed beside those of Paths, where they are; a run adds them.
	More []Cell `json:"-"`
}

// Probe is a destination port and protocol that is probed.
type Probe struct {
	Port     uint16 // 0 for ICMP
	Protocol corev1.Protocol
	Size     uint16 // bytes of payload; 0 is as few as will do
	Form     Form   // of the packets, which lines name, and no list of probes
}

// ICMP is the echo of either family. The API knows no such protocol.
const ICMP corev1.Protocol = "ICMP"

// String prints the probe as "80/TCP", "80/UDP/1400", "80/UDP/options" or "ICMP".
func (p Probe) String() string {
	s := string(ICMP)
	if p.Protocol != ICMP {
		s = fmt.Sprintf("%d/%s", p.Port, p.Protocol)
	}
	switch {
	case p.Form != "":
		s += "/" + string(p.Form)
	case p.Size > 0:
		s += fmt.Sprintf("/%d", p.Size)
	}
	return s
}

// Path is how a client addresses a server.
type Path string

// The paths. All end at the same pod and port, so they share their pins; by a node port a
// pin holds only as far as it does not matter when addresses are rewritten.
const (
	PathPod            Path = "pod"             // the pod's own address
	PathService        Path = "service"         // the cluster IP of the pod's Service
	PathNodePort       Path = "nodeport"        // its node port at the server's own node
	PathNodePortRemote Path = "nodeport-remote" // its node port at the client's node, when the server is on another; see RemoteNode

	PathLoadBalancer       Path = "loadbalancer"        // its load balancer, which takes packets to the server's own node
	PathLoadBalancerRemote Path = "loadbalancer-remote" // its load balancer, which takes them to another node
)

// Paths are all of them.
func Paths() []Path {
	return []Path{PathPod, PathService, PathNodePort, PathNodePortRemote, PathLoadBalancer, PathLoadBalancerRemote}
}

// ByNode reports whether packets come to a node by this path, and are taken on from there: then
// their addresses are rewritten.
func (p Path) ByNode() bool { return p != PathPod && p != PathService }

// Remote reports whether that is another node than the server's own.
func (p Path) Remote() bool { return p == PathNodePortRemote || p == PathLoadBalancerRemote }

// Balanced reports whether a load balancer outside of the cluster takes them there.
func (p Path) Balanced() bool { return p == PathLoadBalancer || p == PathLoadBalancerRemote }

// NodeRole is a role that nodes play in the matrix of a case.
type NodeRole string

// The roles of nodes.
const (
	NodeClient NodeRole = "client" // cells node/1 -> x/a, sent from the node's own address
	NodeServer NodeRole = "server" // cells x/a -> node/1, sent to the node's own address
)

// Step is one change to the cluster followed by a matrix of judged cells.
type Step struct {
	Name   string
	Do     []Action // one after the other; may be empty in a case's first step
	Expect []Expect // in order, the last that matches a cell wins; no match means Allow
}

// Ref names a namespaced object.
type Ref struct {
	Namespace string
	Name      string
}

// Key is namespace/name.
func (r Ref) Key() string { return r.Namespace + "/" + r.Name }

// Pod is a pod of the fixture, or one that a case creates: an agnhost and a probe
// container, its own Service, and these labels and ports.
type Pod struct {
	Ref
	Labels map[string]string // pod=NAME and others, or none at all
	Node   int               // 1, 2 or 3: the node that it is placed on
	Ports  []model.Port      // declared container ports; all are declared by the probe container but 8080
	// Sidecar are those of Ports that a second container declares.
	Sidecar []model.Port
	// HostNetwork says that the pod is in the network of its node, which serves nothing then:
	// its ports would be the node's. Policies do not see it.
	HostNetwork bool
	// Family is the one IP family that the pod has; "" for all of the cluster's.
	Family model.Family
	// AddressOf is the key of a pod that is gone whose addresses this one gets; "" for any.
	AddressOf string
	// Made says that a case makes the pod. It has no agnhost: its prober serves all, is there
	// from the pod's first instant, and its end is the pod's.
	Made bool
	// Lingers says that the pod goes on for as long as the case does when it is deleted: it
	// terminates, and is a pod still.
	Lingers bool
}

// Namespace is a namespace of the fixture, or one that a case creates.
type Namespace struct {
	Name   string            // logical until bound
	Labels map[string]string // always holds ns=LOGICAL NAME
}

// Expect is one line of expectations: of new flows between Clients and Servers, or of Flow.
type Expect struct {
	Flow     string // the name of a long-lived one: Allow is to keep it, Deny to cut it
	Clients  []Pattern
	Servers  []Pattern
	Verdict  model.Verdict  // Allow, Deny, or Undefined for what is only observed
	Never    bool           // denied from the first instant of the pod that the step creates
	Ports    []PortPattern  // empty: every probe
	Families []model.Family // empty: every family
	Paths    []Path         // empty: every path
	Line     int            // in the case file, 1 is the first
}

// Pattern stands for endpoints: "*" everybody, "*/*" every pod, "x/*" the pods of
// x, "*/a" the pods named a, "x/a" one pod, "node*" every node, "node1" one node,
// "world/*" every host outside of the cluster, "world/198.51.100.7" one.
type Pattern string

// PortPattern stands for probes: Port 0 is every port, an empty Protocol every protocol. With a
// Form it has both (ICMP no port), and stands for that one.
type PortPattern struct {
	Port     uint16
	Protocol corev1.Protocol
	Form     Form
}

// NodeKey is the key of a node's control prober, "node/1".
func NodeKey(node int) string { return nodePrefix + strconv.Itoa(node) }

// IsNodeKey reports whether key is that of a control prober.
func IsNodeKey(key string) bool { return strings.HasPrefix(key, nodePrefix) }

// WorldKey is the key of a host outside of the cluster, "world/198.51.100.7".
func WorldKey(a netip.Addr) string { return worldPrefix + a.String() }

// WorldAddr is the address of the host outside of the cluster with this key. It is not valid
// when key is that of something else.
func WorldAddr(key string) netip.Addr {
	addr, _ := netip.ParseAddr(strings.TrimPrefix(key, worldPrefix))
	return addr
}

// IsPodKey reports whether key is that of a pod: neither a node's nor a host's outside.
func IsPodKey(key string) bool { return !IsNodeKey(key) && !strings.HasPrefix(key, worldPrefix) }

const (
	nodePrefix  = "node/"
	worldPrefix = "world/"
)
