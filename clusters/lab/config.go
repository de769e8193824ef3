package lab

import (
	"net"

	"github.com/netassay/netassay/clusters/binaries"
)

// Programs are those that a lab runs. The last may be missing in one without servers.
func Programs() []binaries.Name {
	return []binaries.Name{
		binaries.Etcd, binaries.KubeAPIServer, binaries.KubeControllerManager, binaries.KubeProxy, binaries.Agnhost,
	}
}

// Config says what lab to start. The zero value of a field means its default.
type Config struct {
	Name     string // default "lab"
	Nodes    int    // default 3
	Families string // "ipv4", "ipv6" or "dual"; default dual
	// ProxyMode is kube-proxy's: "nftables" (the default) or "iptables". By iptables all that
	// reads or writes a table on the node takes longer.
	ProxyMode string
	Programs  binaries.Set
	Probe     string // path of the prober; may be empty in a lab that probes nothing
	// RBAC makes the API server ask RBAC about those who are no admins of the lab, whom it
	// otherwise lets do anything.
	RBAC bool
	// LogDir gets a file per program and a directory per pod; default a directory in memory.
	LogDir string
	// Door, when not nil, is a listener outside of the sandbox through which the API
	// server is reached at the door's address; the lab closes it.
	Door net.Listener `json:"-"`
	// Kubeconfig, when not empty, is a file to write for clients that come through Door.
	Kubeconfig string
	// Progress gets a line for each phase; nil is silent.
	Progress func(line string) `json:"-"`
}
