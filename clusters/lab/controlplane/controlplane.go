package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/lab/network"
	"github.com/netassay/netassay/clusters/lab/pki"
	"github.com/netassay/netassay/internal/process"
	"github.com/netassay/netassay/model"
)

// APIPort is where the API server listens, on all addresses of the sandbox.
const APIPort = 6443

// Config says what to start.
type Config struct {
	Programs  binaries.Set
	Addresses network.Plan
	RBAC      bool // authorization by RBAC; else everybody with a certificate may do anything
	// Dir holds keys and data; it should be in memory and must be private.
	Dir string
	// Processes starts the programs.
	Processes *process.Group
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	cfg   Config
	ca    *pki.Authority
	admin pki.Pair
	api   *process.Process // kube-apiserver
}

// Start starts etcd and the API server, and returns when the API server is ready; the
// controller manager may take a moment more.
func Start(ctx context.Context, cfg Config) (*ControlPlane, error) {
	c := &ControlPlane{cfg: cfg}
	if err := c.writeCertificates(); err != nil {
		return nil, err
	}
	if err := c.startEtcd(ctx); err != nil {
		return nil, err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return nil, err
	}
	return c, c.startControllerManager()
}

// Authority signs the lab's certificates.
func (c *ControlPlane) Authority() *pki.Authority { return c.ca }

// REST is a fresh configuration of the admin for clients in the sandbox's own network
// namespace, without a limit of the client's rate.
func (c *ControlPlane) REST() *rest.Config {
	return &rest.Config{
		Host:  loopbackURL(APIPort),
		QPS:   -1,
		Burst: -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: c.ca.PEM, CertData: c.admin.Cert, KeyData: c.admin.Key,
		},
	}
}

func loopbackURL(port int) string { return fmt.Sprintf("https://127.0.0.1:%d", port) }

// nodeURL is where nodes and pods reach the API server.
func (c *ControlPlane) nodeURL() string {
	ip := c.cfg.Addresses.GatewayIPs()[0]
	return "https://" + netip.AddrPortFrom(ip, APIPort).String()
}

func (c *ControlPlane) path(name string) string { return filepath.Join(c.cfg.Dir, name) }

// writeCertificates makes the authority, the API server's certificates and the key that
// signs service account tokens.
func (c *ControlPlane) writeCertificates() (err error) {
	if c.ca, err = pki.NewAuthority(); err != nil {
		return err
	}
	if c.admin, err = c.ca.Issue(pki.Subject{Name: "netassay-admin", Groups: []string{"system:masters"}}); err != nil {
		return err
	}
	server, err := c.ca.Issue(pki.Subject{Name: "kube-apiserver", Hosts: apiHosts(), IPs: c.apiIPs()})
	if err != nil {
		return err
	}
	kubelet, err := c.ca.Issue(pki.Subject{Name: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}})
	if err != nil {
		return err
	}
	_, tokens, err := pki.NewKey()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"ca.crt": c.ca.PEM, "apiserver.crt": server.Cert, "apiserver.key": server.Key,
		"kubelet.crt": kubelet.Cert, "kubelet.key": kubelet.Key, "tokens.key": tokens,
	} {
		if err := os.WriteFile(c.path(name), data, 0o600); err != nil {
			return fmt.Errorf("write certificate: %w", err)
		}
	}
	return nil
}

func apiHosts() []string {
	return []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	}
}

func (c *ControlPlane) apiIPs() []netip.Addr {
	ips := append(c.cfg.Addresses.GatewayIPs(), netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback())
	for _, p := range c.cfg.Addresses.ServiceCIDRs() {
		ips = append(ips, p.Addr().Next())
	}
	return ips
}

func (c *ControlPlane) startEtcd(ctx context.Context) error {
	p, err := c.cfg.Processes.Start(process.Spec{Name: "etcd", Argv: []string{
		c.cfg.Programs.Path(binaries.Etcd),
		"--name=lab",
		"--data-dir=" + c.path("etcd"),
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=lab=http://127.0.0.1:2380",
		"--unsafe-no-fsync",
		// One member elects itself; it need not wait long for others.
		"--heartbeat-interval=10", "--election-timeout=100",
		"--quota-backend-bytes=4294967296",
		"--log-level=warn",
	}})
	if err != nil {
		return err
	}
	return until(ctx, p, "etcd", func(context.Context) bool {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:2379", time.Second)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

func (c *ControlPlane) startAPIServer(ctx context.Context) error {
	p, err := c.cfg.Processes.Start(process.Spec{
		Name: "kube-apiserver", Argv: append([]string{c.cfg.Programs.Path(binaries.KubeAPIServer)}, c.apiFlags()...),
		// Memory is cheap for the minutes that a lab lives; two cores are not.
		Env: []string{"GOGC=300"},
	})
	if err != nil {
		return err
	}
	c.api = p
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return fmt.Errorf("make client of kube-apiserver: %w", err)
	}
	return until(ctx, p, "kube-apiserver", func(ctx context.Context) bool {
		ready := client.Discovery().RESTClient().Get().AbsPath("/readyz")
		return ready.Timeout(askTimeout).MaxRetries(0).Do(ctx).Error() == nil
	})
}

// RestartAPIServer kills the API server, does between while there is none, and starts it again.
// It returns when it is ready.
func (c *ControlPlane) RestartAPIServer(ctx context.Context, between func() error) error {
	if err := c.api.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-c.api.Done()
	return errors.Join(between(), c.startAPIServer(ctx))
}

func (c *ControlPlane) apiFlags() []string {
	listen := "::"
	if !c.cfg.Addresses.Families.Has(model.IPv6) {
		listen = "0.0.0.0"
	}
	return []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=" + listen,
		fmt.Sprintf("--secure-port=%d", APIPort),
		"--advertise-address=" + c.cfg.Addresses.GatewayIPs()[0].String(),
		"--service-cluster-ip-range=" + join(c.cfg.Addresses.ServiceCIDRs()),
		"--tls-cert-file=" + c.path("apiserver.crt"), "--tls-private-key-file=" + c.path("apiserver.key"),
		"--client-ca-file=" + c.path("ca.crt"),
		"--kubelet-client-certificate=" + c.path("kubelet.crt"), "--kubelet-client-key=" + c.path("kubelet.key"),
		"--kubelet-certificate-authority=" + c.path("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("tokens.key"),
		"--service-account-signing-key-file=" + c.path("tokens.key"),
		"--authorization-mode=" + c.authorization(),
		"--anonymous-auth=false",
		// Pods need not wait for a service account; nodes are born untainted.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--enable-priority-and-fairness=false",
		"--max-requests-inflight=3000", "--max-mutating-requests-inflight=1000",
		"--delete-collection-workers=16",
		"--profiling=false",
	}
}

// authorization is AlwaysAllow unless RBAC is asked for: what an agent is allowed to read
// is not what a lab is about, and RBAC costs start-up time. The lab's own certificates are
// of admins, who may do anything by RBAC too.
func (c *ControlPlane) authorization() string {
	if c.cfg.RBAC {
		return "RBAC"
	}
	return "AlwaysAllow"
}

func (c *ControlPlane) startControllerManager() error {
	kubeconfig := c.path("controller-manager.kubeconfig")
	if err := c.writeKubeconfig(kubeconfig, loopbackURL(APIPort), "system:kube-controller-manager"); err != nil {
		return err
	}
	_, err := c.cfg.Processes.Start(process.Spec{
		Name: "kube-controller-manager", Env: []string{"GOGC=300"},
		Argv: []string{
			c.cfg.Programs.Path(binaries.KubeControllerManager),
			"--kubeconfig=" + kubeconfig,
			"--controllers=" + strings.Join(controllers(), ","),
			"--leader-elect=false",
			"--bind-address=127.0.0.1", "--cert-dir=" + c.path("controller-manager"),
			"--service-account-private-key-file=" + c.path("tokens.key"),
			"--root-ca-file=" + c.path("ca.crt"),
			"--use-service-account-credentials=false",
			"--concurrent-namespace-syncs=20", "--concurrent-endpoint-syncs=10",
			"--kube-api-qps=2000", "--kube-api-burst=2000",
			"--profiling=false",
		},
	})
	return err
}

// controllers are those that suites need: namespaces go away, services get endpoints,
// service accounts and their authority exist, owned objects go with their owner.
func controllers() []string {
	return []string{
		"namespace-controller", "endpointslice-controller",
		"serviceaccount-controller", "serviceaccount-token-controller",
		"root-ca-certificate-publisher-controller", "garbage-collector-controller",
	}
}

func join(prefixes []netip.Prefix) string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return strings.Join(out, ",")
}

// WriteNodeKubeconfig writes a kubeconfig for agents on node; user is whom they are to the
// API server.
func (c *ControlPlane) WriteNodeKubeconfig(path, user string) error {
	return c.writeKubeconfig(path, c.nodeURL(), user)
}

// WriteAdminKubeconfig writes a kubeconfig of the lab's admin that reaches the API server
// at url, e.g. for the host's kubectl.
func (c *ControlPlane) WriteAdminKubeconfig(path, url string) error {
	return c.write(path, url, "netassay-admin", c.admin)
}

func (c *ControlPlane) writeKubeconfig(path, url, user string) error {
	pair, err := c.ca.Issue(pki.Subject{Name: user, Groups: []string{"system:masters"}})
	if err != nil {
		return err
	}
	return c.write(path, url, user, pair)
}

func (c *ControlPlane) write(path, url, user string, pair pki.Pair) error {
	const name = "netassay-lab"
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters[name] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: c.ca.PEM}
	cfg.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
	cfg.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	cfg.CurrentContext = name
	// WriteToFile creates it with mode 0600.
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}

// How often a starting program is asked whether it is ready, and how long one question
// and the whole start may take.
const (
	askEvery   = 20 * time.Millisecond
	askTimeout = 2 * time.Second
	startLimit = 2 * time.Minute
)

// until waits until ready says yes, or the process ends, or ctx does.
func until(ctx context.Context, p *process.Process, what string, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for !ready(ctx) {
		select {
		case <-p.Done():
			return fmt.Errorf("start %s: it ended; the end of its log:\n%s", what, process.Tail(p.LogPath()))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("wait for %s to be ready: %w", what, ctx.Err())
			}
			return fmt.Errorf("wait for %s to be ready: %w; the end of its log:\n%s", what, ctx.Err(), process.Tail(p.LogPath()))
		case <-time.After(askEvery):
		}
	}
	return nil
}
