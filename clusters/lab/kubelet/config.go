package kubelet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/model"
)

// AddressAnnotation is the annotation of a pod with the address that it must have, of its
// node's that are free. The pod waits until it is.
const AddressAnnotation = "lab.netassay.dev/address"

// FamilyAnnotation is the annotation of a pod with the one IP family that it has, IPv4 or IPv6.
const FamilyAnnotation = "lab.netassay.dev/family"

// PodNetwork is the network of one pod.
type PodNetwork interface {
	// IPs are the pod's addresses, the primary family first.
	IPs() []netip.Addr
	// Do runs fn on a locked thread inside the pod's network namespace.
	Do(fn func() error) error
	// Close releases the addresses. No process of the pod lives by then.
	Close() error
}

// Request is what a pod asks of the network.
type Request struct {
	// Key is NAMESPACE_NAME_UID: no two pods of a cluster's life have the same, and it can be
	// a file name.
	Key                  string
	Namespace, Name, UID string
	// Address is the one that the pod must have (AddressAnnotation), not valid where it takes
	// any. It may be in use for now, which is an error.
	Address netip.Addr
	// Family is the one that the pod has (FamilyAnnotation), "" for all.
	Family model.Family
}

// Config says what a node agent works for and with. All fields are needed.
type Config struct {
	NodeName string
	NodeIPs  []netip.Addr   // InternalIPs of the node, the primary family first
	PodCIDRs []netip.Prefix // the node's share of the pod network, told in its spec
	// Client reaches the API server. A node with many pods needs a raised QPS.
	Client kubernetes.Interface
	// Attach makes the network namespace of a pod, with its addresses.
	Attach func(r Request) (PodNetwork, error)
	// Images are the host's binaries by image: the last element of its path, without tag and
	// digest. Inside the image the program is at / and that name, and the entrypoint.
	Images map[string]string
	// LogDir gets a directory per pod, in it a directory per container, in it a file per run.
	LogDir     string
	ServerCert tls.Certificate // of the HTTPS server on port 10250
	ClientCA   *x509.CertPool  // whose clients may use the server
	// HostDo runs fn on a locked thread in the node's network namespace.
	HostDo func(fn func() error) error
	Log    *slog.Logger
}

func texts(addrs []netip.Addr) []string {
	out := make([]string, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}

// hostNetwork is the network of pods with hostNetwork: the node's own.
type hostNetwork struct {
	ips []netip.Addr
	do  func(func() error) error
}

func (h hostNetwork) IPs() []netip.Addr        { return h.ips }
func (h hostNetwork) Do(fn func() error) error { return h.do(fn) }
func (h hostNetwork) Close() error             { return nil }

// supported returns an error for a field of the pod that would change how it runs and that
// the lab does not know: a pod that ran as if the field were not there would mislead.
func supported(pod *corev1.Pod, c *corev1.Container) error {
	switch {
	case len(pod.Spec.InitContainers) > 0:
		return errors.New("spec.initContainers: the lab runs no init containers; remove them or use a kind cluster")
	case pod.Spec.ActiveDeadlineSeconds != nil:
		return errors.New("spec.activeDeadlineSeconds: the lab ends no pod by a deadline; remove it or use a kind cluster")
	case c.StartupProbe != nil:
		return errors.New("startupProbe: the lab knows readiness and liveness probes only; use initialDelaySeconds there")
	case c.Lifecycle != nil:
		return errors.New("lifecycle: the lab runs no hooks; remove them or use a kind cluster")
	case c.Stdin, c.TTY:
		return errors.New("stdin, tty: the lab attaches nobody to a container; remove them and use kubectl exec or logs")
	default:
		return nil
	}
}
