package cilium

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
)

// What the agents of several nodes must not share, where they look for it and can't be told another
// place.
const (
	runDir  = "/run/cilium" // which they call /var/run/cilium
	sysctls = "/proc/sys/kernel/"
)

// The names by which programs must go: the agent looks for its compiler by the one, and takes itself
// for one of Cilium's other programs where its own is not the other (pkg/components): then it pins
// maps in the first BPF file system that it finds, which may be another node's.
const (
	clangName = "clang"
	agentName = "cilium-agent"
)

// written are settings of the whole machine that an agent writes (Reinitialize in
// pkg/datapath/loader/base.go): it gets files of its own for them.
func written() []string { return []string{"unprivileged_bpf_disabled", "timer_migration"} }

// dirOf is where a node's agent keeps its things: in the lab's memory.
func dirOf(n engines.Node) string { return filepath.Join(filepath.Dir(n.Kubeconfig()), Name) }

// bpfOf is the node's BPF file system.
func bpfOf(dir string) string { return filepath.Join(dir, "bpf") }

// environment lets the agent find clang by the name that it knows.
func environment(n engines.Node) []string {
	dir := dirOf(n)
	return []string{
		"K8S_NODE_NAME=" + n.Name(),
		"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"),
		"HOME=" + filepath.Join(dir, "run"), // for what its debugging server writes
	}
}

// prepare makes the agent's rooms on a node, once, and has its plugin called.
func (e *Engine) prepare(_ context.Context, n engines.Node) error {
	coverer, ok := engines.As[engines.Coverer](n)
	chainer, both := engines.As[engines.Chainer](n)
	if !ok || !both {
		return errors.New("it is no node of a lab, where files can be the node's own and plugins be chained")
	}
	covers, err := furnish(dirOf(n), e.binary)
	if err != nil {
		return err
	}
	coverer.Cover(covers...)
	chainer.Chain(e.Chained())
	return nil
}

// furnish makes what is a node's own in dir, and says where its programs are to see it. The BPF
// file system is mounted here, where it outlives the agent as on a node: what is pinned in it is
// what goes on enforcing.
func furnish(dir, binary string) ([]engines.Cover, error) {
	run := engines.Cover{What: filepath.Join(dir, "run"), At: runDir}
	covers := []engines.Cover{run}
	for _, d := range []string{run.What, run.At, bpfOf(dir), filepath.Join(dir, "bin"), filepath.Join(dir, "sys")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
	}
	if err := mountBPF(bpfOf(dir)); err != nil {
		return nil, err
	}
	clang, err := findClang()
	if err != nil {
		return nil, err
	}
	for name, program := range map[string]string{clangName: clang, agentName: binary} {
		if err := os.Symlink(program, filepath.Join(dir, "bin", name)); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("link program: %w", err)
		}
	}
	for _, name := range written() {
		own := engines.Cover{What: filepath.Join(dir, "sys", name), At: sysctls + name}
		text, err := os.ReadFile(own.At)
		if errors.Is(err, os.ErrNotExist) {
			continue // a kernel without it
		}
		if err == nil {
			err = os.WriteFile(own.What, text, 0o644)
		}
		if err != nil {
			return nil, fmt.Errorf("copy setting: %w", err)
		}
		covers = append(covers, own)
	}
	return covers, nil
}

// families are those of a node's pods.
type families struct{ ipv4, ipv6 bool }

// familiesOf asks the API server for the families of each node's pods.
func familiesOf(ctx context.Context, cfg *rest.Config, nodes []engines.Node) (map[string]families, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	all := map[string]families{}
	for _, n := range nodes {
		o, err := client.CoreV1().Nodes().Get(ctx, n.Name(), metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read node %s: %w", n.Name(), err)
		}
		if all[n.Name()], err = familiesIn(o.Spec.PodCIDRs); err != nil {
			return nil, fmt.Errorf("read pod CIDRs of node %s: %w", n.Name(), err)
		}
	}
	return all, nil
}

func familiesIn(cidrs []string) (f families, err error) {
	for _, c := range cidrs {
		p, err := netip.ParsePrefix(c)
		if err != nil {
			return f, err
		}
		f.ipv4, f.ipv6 = f.ipv4 || p.Addr().Is4(), f.ipv6 || p.Addr().Is6()
	}
	return f, nil
}
