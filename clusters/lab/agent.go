package lab

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"

	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters/lab/kubelet"
	"github.com/netassay/netassay/clusters/lab/pki"
	"github.com/netassay/netassay/model"
)

// startAgent starts the node agent of n, which lives until it is stopped; ctx is just for
// the start.
func (l *Lab) startAgent(ctx context.Context, n *node) error {
	defer l.phases.begin("agent of " + n.Name())()
	cfg, err := l.agentConfig(n)
	if err != nil {
		return err
	}
	n.agent, err = kubelet.Start(ctx, cfg)
	return err
}

func (l *Lab) agentConfig(n *node) (kubelet.Config, error) {
	client, err := kubernetes.NewForConfig(protobuf(l.REST()))
	if err != nil {
		return kubelet.Config{}, fmt.Errorf("make client: %w", err)
	}
	ca := l.control.Authority()
	pair, err := ca.Issue(pki.Subject{Name: "system:node:" + n.Name(), Hosts: []string{n.Name()}, IPs: n.net.IPs()})
	if err != nil {
		return kubelet.Config{}, err
	}
	cert, err := pair.TLS()
	if err != nil {
		return kubelet.Config{}, err
	}
	dir := filepath.Join(l.cfg.LogDir, "pods")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return kubelet.Config{}, fmt.Errorf("make directory for the logs of pods: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(l.cfg.LogDir, "kubelet-"+n.Name()+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return kubelet.Config{}, fmt.Errorf("open log of node agent: %w", err)
	}
	return kubelet.Config{
		NodeName: n.Name(), NodeIPs: n.net.IPs(), PodCIDRs: n.net.PodCIDRs(),
		Client: client, Images: l.images(), LogDir: dir,
		Attach: func(key string, want netip.Addr, only model.Family) (kubelet.PodNetwork, error) {
			return n.net.Attach(key, want, only)
		},
		ServerCert: cert, ClientCA: ca.Pool(), HostDo: n.net.Do,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})),
	}, nil
}

// images are what pods can run: the program of each image, by its name.
func (l *Lab) images() map[string]string {
	out := map[string]string{"agnhost": l.cfg.Programs.Agnhost, "probe": l.cfg.Programs.Probe}
	maps.DeleteFunc(out, func(_, path string) bool { return path == "" })
	return out
}
