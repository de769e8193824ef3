package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"text/template"
	"time"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/internal/sandbox"
)

// ProxyModes are the modes of kube-proxy that a lab can have.
func ProxyModes() []string { return []string{"iptables", "nftables"} }

// proxyConfig leaves conntrack's sysctls alone (the lab's namespaces don't own them all)
// and syncs as soon as something changes: for 0s it would take its default of a second.
var proxyConfig = template.Must(template.New("kube-proxy").Parse(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: {{.Mode}}
clientConnection:
  kubeconfig: {{.Kubeconfig}}
  qps: 100
  burst: 200
hostnameOverride: {{.Node}}
bindAddress: "{{.Bind}}"
healthzBindAddress: "{{.Healthz}}"
metricsBindAddress: "{{.Metrics}}"
detectLocalMode: ClusterCIDR
clusterCIDR: {{.ClusterCIDR}}
conntrack:
  maxPerCore: 0
  min: 0
  tcpBeLiberal: false
  tcpCloseWaitTimeout: 0s
  tcpEstablishedTimeout: 0s
  udpTimeout: 0s
  udpStreamTimeout: 0s
`))

// StartProxy starts kube-proxy in node's namespace with env. The Node object must exist.
func (c *ControlPlane) StartProxy(node *network.Node, mode string, env []string) (*process.Process, error) {
	name := "kube-proxy-" + node.Name()
	kubeconfig, config := c.path(name+".kubeconfig"), c.path(name+".yaml")
	if err := c.WriteNodeKubeconfig(kubeconfig, "system:kube-proxy"); err != nil {
		return nil, err
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	var text bytes.Buffer
	err := proxyConfig.Execute(&text, map[string]string{
		"Mode": mode, "Kubeconfig": kubeconfig, "Node": node.Name(), "Bind": node.IPs()[0].String(),
		"Healthz":     netip.AddrPortFrom(loopback, healthzPort).String(),
		"Metrics":     netip.AddrPortFrom(loopback, metricsPort).String(),
		"ClusterCIDR": join(c.cfg.Addresses.PodCIDRs()),
	})
	if err == nil {
		err = os.WriteFile(config, text.Bytes(), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("write configuration of %s: %w", name, err)
	}
	return c.cfg.Processes.Start(process.Spec{
		Name: name, Do: node.Do, Env: append([]string{"GOGC=300"}, env...),
		Argv: []string{c.cfg.Programs.Path(binaries.KubeProxy), "--config=" + config},
	})
}

// kube-proxy's ports on the node's loopback.
const (
	healthzPort = 10256
	metricsPort = 10249
)

// WaitProxy waits until the kube-proxy p has made the API server's own service work in
// node's namespace: then it knows all services of that moment.
func (c *ControlPlane) WaitProxy(ctx context.Context, node *network.Node, p *process.Process) error {
	service := netip.AddrPortFrom(c.cfg.Addresses.ServiceCIDRs()[0].Addr().Next(), servicePort).String()
	return until(ctx, p, "kube-proxy on "+node.Name(), func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		conn, err := sandbox.DialIn(node.Do)(ctx, "tcp", service)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// servicePort is the port of the service "kubernetes"; before kube-proxy's rules are there
// a packet to it just disappears, so that a short timeout finds the first moment.
const (
	servicePort    = 443
	connectTimeout = 100 * time.Millisecond
)
