#!/usr/bin/env bash
# Writes the module that Kubernetes is built from anew, for another version:
#   hack/kubernetes-update.sh v1.37.2 v3.7.0
# The arguments are the versions of Kubernetes and of etcd. Then set Version in
# clusters/binaries/names.go, run the tests there, and read the diff.
set -euo pipefail
kubernetes=${1:?usage: hack/kubernetes-update.sh KUBERNETES ETCD, e.g. v1.37.2 v3.7.0}
etcd=${2:?usage: hack/kubernetes-update.sh KUBERNETES ETCD, e.g. v1.37.2 v3.7.0}
staging=v0.${kubernetes#v1.}
target=$(cd "$(dirname "$0")/../clusters/binaries" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOWORK=off GOFLAGS=
theirs=$(go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')

# Kubernetes replaces its staging modules by relative paths: each is published as well.
{
	echo "module github.com/netassay/netassay/clusters/binaries/kubernetes"
	grep '^go ' "$theirs"
	echo "require ("
	echo "	k8s.io/kubernetes $kubernetes"
	echo "	go.etcd.io/etcd/server/v3 $etcd"
	echo ")"
	echo "replace ("
	sed -n "s#^\t\(k8s\.io/[^ ]*\) => \./staging/.*#\t\1 => \1 $staging#p" "$theirs"
	echo ")"
} >go.mod

cat >programs.go <<'GO'
package programs

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubeadm"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "k8s.io/kubernetes/cmd/kubelet"
	_ "k8s.io/kubernetes/test/images/agnhost"
)
GO
go mod tidy
cp go.mod "$target/kubernetes.mod"
cp go.sum "$target/kubernetes.sum"
