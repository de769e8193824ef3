#!/usr/bin/env bash
# Writes a module that programs of the node image are built from anew, for other versions:
#   hack/modules-update.sh containerd v2.4.2 v1.9.1   (containerd and the CNI plugins)
#   hack/modules-update.sh coredns v1.14.6
# Then set the versions in clusters/binaries/names.go, run the tests there, and read the
# diff. CoreDNS has to be the version that kubeadm names.
set -euo pipefail
usage="usage: hack/modules-update.sh containerd VERSION CNI_VERSION | coredns VERSION"
name=${1:?$usage} version=${2:?$usage}
target=$(cd "$(dirname "$0")/../clusters/binaries" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOWORK=off GOFLAGS=
go mod init "github.com/netassay/netassay/clusters/binaries/$name" 2>/dev/null
go mod edit -go=1.26.0
case $name in
containerd)
	go mod edit -require "github.com/containerd/containerd/v2@$version" \
		-require "github.com/containernetworking/plugins@${3:?$usage}"
	cat >programs.go <<'GO'
package programs

import (
	_ "github.com/containerd/containerd/v2/cmd/containerd"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
	_ "github.com/containerd/containerd/v2/cmd/ctr"
	_ "github.com/containernetworking/plugins/plugins/ipam/host-local"
	_ "github.com/containernetworking/plugins/plugins/main/loopback"
	_ "github.com/containernetworking/plugins/plugins/main/ptp"
	_ "github.com/containernetworking/plugins/plugins/meta/portmap"
)
GO
	;;
coredns)
	go mod edit -require "github.com/coredns/coredns@$version"
	cp "$target/_coredns/main.go" .
	;;
*)
	echo "$usage" >&2
	exit 2
	;;
esac
go mod tidy
cp go.mod "$target/$name.mod"
cp go.sum "$target/$name.sum"
