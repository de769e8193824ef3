package binaries

import (
	"fmt"
	"slices"
	"strings"
)

// Version is the Kubernetes version that is built. It must be the version of
// k8s.io/kubernetes in kubernetes.mod; a test compares them.
const Version = "v1.37.2"

// Name is the file name of a program.
type Name string

// The programs that Ensure can find or build, all static.
const (
	Etcd                  Name = "etcd"
	KubeAPIServer         Name = "kube-apiserver"
	KubeControllerManager Name = "kube-controller-manager"
	KubeProxy             Name = "kube-proxy"
	Kubectl               Name = "kubectl"
	Agnhost               Name = "agnhost"
)

// All are the names that Ensure knows, in the order in which they are built: the
// smallest first, then those that share most of their packages with the one before.
func All() []Name {
	return []Name{Etcd, KubeAPIServer, Agnhost, KubeControllerManager, KubeProxy, Kubectl}
}

// Set holds the absolute path of each program that was wanted.
type Set map[Name]string

// Path is the absolute path of n, or "" when n was not wanted.
func (s Set) Path(n Name) string { return s[n] }

// importPath is the main package that n is built from.
func importPath(n Name) string {
	switch n {
	case Etcd:
		return "go.etcd.io/etcd/server/v3"
	case Agnhost:
		return "k8s.io/kubernetes/test/images/agnhost"
	case KubeAPIServer, KubeControllerManager, KubeProxy, Kubectl:
		return "k8s.io/kubernetes/cmd/" + string(n)
	default:
		return ""
	}
}

// inOrder returns want without repetitions in the order of All. A nil want is All.
func inOrder(want []Name) ([]Name, error) {
	all := All()
	if want == nil {
		return all, nil
	}
	for _, n := range want {
		if !slices.Contains(all, n) {
			return nil, fmt.Errorf("find binary %q: unknown name, valid are %s", n, join(all))
		}
	}
	return slices.DeleteFunc(all, func(n Name) bool { return !slices.Contains(want, n) }), nil
}

// join lists names for a message.
func join(names []Name) string {
	s := make([]string, len(names))
	for i, n := range names {
		s[i] = string(n)
	}
	return strings.Join(s, ", ")
}
