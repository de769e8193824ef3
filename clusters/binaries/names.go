package binaries

import (
	"fmt"
	"slices"
	"strings"
)

// The versions of what is built. Each must be the version that its module requires; a
// test compares them.
const (
	Version           = "v1.37.2" // of Kubernetes
	EtcdVersion       = "v3.7.0"
	ContainerdVersion = "v2.4.2"
	CNIVersion        = "v1.9.1" // of the CNI plugins
	CoreDNSVersion    = "v1.14.6"
)

// Name is the file name of a program.
type Name string

// The programs that Ensure can find or build, all static.
const (
	Etcd                  Name = "etcd"
	KubeAPIServer         Name = "kube-apiserver"
	KubeControllerManager Name = "kube-controller-manager"
	KubeScheduler         Name = "kube-scheduler"
	KubeProxy             Name = "kube-proxy"
	Kubelet               Name = "kubelet"
	Kubeadm               Name = "kubeadm"
	Kubectl               Name = "kubectl"
	Agnhost               Name = "agnhost"
	Containerd            Name = "containerd"
	ContainerdShim        Name = "containerd-shim-runc-v2"
	Ctr                   Name = "ctr"
	HostLocal             Name = "host-local" // a CNI plugin, as the next three
	Loopback              Name = "loopback"
	PTP                   Name = "ptp"
	Portmap               Name = "portmap"
	CoreDNS               Name = "coredns"
	Pause                 Name = "pause" // this project's own
)

// All are the names of what labs run, in the order in which they are built: the
// smallest first, then those that share most of their packages with the one before.
func All() []Name {
	return []Name{Etcd, KubeAPIServer, Agnhost, KubeControllerManager, KubeProxy, Kubectl}
}

// Node are the names of what a node image holds, which All is a part of, in the order in
// which they are built.
func Node() []Name {
	return append(All(), KubeScheduler, Kubelet, Kubeadm,
		Containerd, ContainerdShim, Ctr, HostLocal, Loopback, PTP, Portmap, CoreDNS, Pause)
}

// Set holds the absolute path of each program that was wanted.
type Set map[Name]string

// Path is the absolute path of n, or "" when n was not wanted.
func (s Set) Path(n Name) string { return s[n] }

// importPath is the main package that n is built from; "." is the recipe's own.
func importPath(n Name) string {
	switch n {
	case Etcd:
		return "go.etcd.io/etcd/server/v3"
	case Agnhost:
		return "k8s.io/kubernetes/test/images/agnhost"
	case KubeAPIServer, KubeControllerManager, KubeScheduler, KubeProxy, Kubelet, Kubeadm, Kubectl:
		return "k8s.io/kubernetes/cmd/" + string(n)
	case Containerd, ContainerdShim, Ctr:
		return "github.com/containerd/containerd/v2/cmd/" + string(n)
	case HostLocal:
		return "github.com/containernetworking/plugins/plugins/ipam/host-local"
	case Loopback, PTP:
		return "github.com/containernetworking/plugins/plugins/main/" + string(n)
	case Portmap:
		return "github.com/containernetworking/plugins/plugins/meta/portmap"
	case CoreDNS, Pause:
		return "."
	default:
		return ""
	}
}

// inOrder returns want without repetitions in the order of Node. A nil want is All.
func inOrder(want []Name) ([]Name, error) {
	if want == nil {
		return All(), nil
	}
	known := Node()
	for _, n := range want {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("find binary %q: unknown name, valid are %s", n, join(known))
		}
	}
	return slices.DeleteFunc(known, func(n Name) bool { return !slices.Contains(want, n) }), nil
}

// join lists names for a message.
func join(names []Name) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = string(n)
	}
	return strings.Join(s, ", ")
}
