package kind

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/nodeimage"
	"github.com/netassay/netassay/internal/flock"
)

// These tests make real clusters, which takes Docker, the node image and minutes. They run
// when they are asked for: make test-kind.

const (
	askVariable      = "NETASSAY_KIND"
	topologyVariable = "NETASSAY_KIND_TOPOLOGY"   // "" is dual
	imageVariable    = "NETASSAY_KIND_NODE_IMAGE" // "" is our own
)

// config is the cluster that the environment asks for.
func config(t *testing.T, id string) Config {
	t.Helper()
	return Config{
		ID: id, Topology: os.Getenv(topologyVariable), NodeImage: os.Getenv(imageVariable),
		LogDir: t.TempDir(), Progress: func(s string) { t.Log(s) },
	}
}

func requireKind(t *testing.T) {
	t.Helper()
	if os.Getenv(askVariable) != "1" {
		t.Skipf("makes real clusters by Docker: set %s=1, or make test-kind", askVariable)
	}
	if err := Available(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wantNothing: nothing of a cluster is left.
func wantNothing(t *testing.T, name string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	d := docker(dockerCLI)
	if ids, err := d.containers(ctx, name); err != nil || len(ids) > 0 {
		t.Errorf("containers %v are left (%v)", ids, err)
	}
	if nets, err := d.networks(ctx, name); err != nil || len(nets) > 0 {
		t.Errorf("networks %v are left (%v)", nets, err)
	}
	root, err := flock.StateDir("kind")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, name)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory is left (%v)", err)
	}
}

// TestCluster: a cluster comes up, its pods reach each other over each family, nothing of
// it leads outside, cleaning up leaves it alone, and closing it leaves nothing.
func TestCluster(t *testing.T) {
	requireKind(t)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(home, ".kube", "config")
	before, _ := os.ReadFile(kubeconfig) // most have none
	c, err := Start(t.Context(), config(t, randomID()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		wantNothing(t, c.Name())
		if after, _ := os.ReadFile(kubeconfig); !bytes.Equal(before, after) {
			t.Error("the user's kubeconfig has changed")
		}
	})
	if len(c.Nodes()) != 3 || len(c.Families()) == 0 {
		t.Errorf("nodes %v, families %v", c.Nodes(), c.Families())
	}
	for _, n := range c.Nodes() {
		out, err := dockerCLI(t.Context(), "exec", n, "sh", "-c", "ip -4 route show default; ip -6 route show default")
		if err != nil || strings.TrimSpace(out) != "" {
			t.Errorf("node %s has default routes %q (%v)", n, out, err)
		}
	}
	connectAcross(t, c)
	if done, err := Clean(t.Context(), false); err != nil {
		t.Errorf("clean: %v (%v)", err, done)
	}
	if ids, err := c.docker.containers(t.Context(), c.name); err != nil || len(ids) != 3 {
		t.Errorf("after cleaning up, containers %v (%v)", ids, err)
	}
}

// connectAcross connects from a pod on one worker to one on the other, over each family.
func connectAcross(t *testing.T, c *Cluster) {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		t.Fatal(err)
	}
	nodes := c.Nodes()
	server := runAgnhost(t, client, c, nodes[len(nodes)-1], "server", "netexec", "--http-port=8080")
	runAgnhost(t, client, c, nodes[len(nodes)-2], "client", "pause")
	if len(server.Status.PodIPs) != len(c.Families()) {
		t.Errorf("addresses %v, families %v", server.Status.PodIPs, c.Families())
	}
	for _, ip := range server.Status.PodIPs {
		var out, errs bytes.Buffer
		command := []string{"/agnhost", "connect", net.JoinHostPort(ip.IP, "8080"), "--timeout=5s"}
		err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			err := c.Exec(ctx, "default", "client", "client", command, clusters.Streams{Out: &out, Err: &errs})
			return err == nil, nil
		})
		if err != nil {
			t.Errorf("connect to %s: %v: %s%s", ip.IP, err, out.String(), errs.String())
		}
	}
}

func runAgnhost(t *testing.T, client kubernetes.Interface, c *Cluster, node, name string, args ...string) *corev1.Pod {
	t.Helper()
	pods := client.CoreV1().Pods("default")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{
			Name: name, Image: c.Image("agnhost"), Command: append([]string{"/agnhost"}, args...),
		}}},
	}
	var running *corev1.Pod
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (done bool, err error) {
		_, _ = pods.Create(ctx, pod, metav1.CreateOptions{}) // refused until there is a service account, and when it is there
		running, err = pods.Get(ctx, name, metav1.GetOptions{})
		return err == nil && running.Status.Phase == corev1.PodRunning, nil
	})
	if err != nil {
		t.Fatalf("run pod %s: %v (%+v)", name, err, running)
	}
	return running
}

// awaitContainer waits until the cluster has a container.
func awaitContainer(ctx context.Context, name string) error {
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 5*time.Minute, true, func(ctx context.Context) (bool, error) {
		ids, err := docker(dockerCLI).containers(ctx, name)
		return len(ids) > 0, err
	})
}

// TestInterrupted: a start that is interrupted leaves nothing, wherever it was, nor the
// node image if that was not there before.
func TestInterrupted(t *testing.T) {
	requireKind(t)
	for _, tc := range []struct{ name, line string }{
		{"image", "load into Docker"},
		{"create", ""},
		{"load", "control plane up"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cfg := config(t, randomID())
			had := tc.name != "image" && hasImage(t)
			if tc.name == "image" {
				if err := docker(dockerCLI).removeImage(t.Context(), nodeimage.Ref()); err != nil {
					t.Fatal(err)
				}
			}
			cfg.Progress = func(s string) {
				t.Log(s)
				if tc.line != "" && strings.Contains(s, tc.line) {
					cancel()
				}
			}
			if tc.line == "" {
				go func() {
					_ = awaitContainer(ctx, prefix+cfg.ID) // cancelled in any case
					cancel()
				}()
			}
			c, err := Start(ctx, cfg)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
			if c != nil {
				_ = c.Close(t.Context()) // the test has failed already
				t.Error("a cluster was given")
			}
			wantNothing(t, prefix+cfg.ID)
			if has := hasImage(t); has != had {
				t.Errorf("Docker has the node image: %t, before: %t", has, had)
			}
		})
	}
}

func hasImage(t *testing.T) bool {
	t.Helper()
	out, err := dockerCLI(context.WithoutCancel(t.Context()), "image", "ls", "--quiet", nodeimage.Ref())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out) != ""
}

const killedVariable = "NETASSAY_KIND_KILLED_ID"

// TestKilled: what a killed process leaves is an orphan, and cleaning up removes it.
func TestKilled(t *testing.T) {
	if id := os.Getenv(killedVariable); id != "" {
		_, err := Start(t.Context(), config(t, id))
		t.Fatalf("started, and was not killed: %v", err)
	}
	requireKind(t)
	id := randomID()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), killedVariable+"="+id)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := awaitContainer(t.Context(), prefix+id)
	_ = cmd.Process.Kill() // SIGKILL
	_ = cmd.Wait()         // killed
	if err != nil {
		t.Fatal(err)
	}
	wantCleaned(t, prefix+id)
}

// wantCleaned: cleaning up removes what is left of a cluster.
func wantCleaned(t *testing.T, name string) {
	t.Helper()
	// A docker command of the killed process may still be at work: until all is quiet, what
	// it makes is found by the next look.
	of := func(done []string) []string { // this cluster: others may be kept
		return slices.DeleteFunc(done, func(line string) bool { return !strings.Contains(line, name) })
	}
	done, err := Clean(t.Context(), false)
	if err != nil || len(of(done)) == 0 {
		t.Errorf("cleaned up: %v (%v)", done, err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		more, err := Clean(ctx, false)
		return len(of(more)) == 0, err
	})
	if err != nil {
		t.Error(err)
	}
	wantNothing(t, name)
}

const removerVariable = "NETASSAY_KIND_REMOVER" // id, then the docker command at which it is killed

// TestKilledWhileRemoving: a removal that is killed is finished by cleaning up.
func TestKilledWhileRemoving(t *testing.T) {
	if id, at, ok := strings.Cut(os.Getenv(removerVariable), " "); ok {
		removeAndDie(t, id, at)
		t.Fatal("removed, and was not killed")
	}
	requireKind(t)
	for _, at := range []string{"rm", "network rm"} {
		t.Run(at, func(t *testing.T) {
			id := randomID()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWhileRemoving$")
			cmd.Env = append(os.Environ(), removerVariable+"="+id+" "+at)
			out, _ := cmd.CombinedOutput()
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("ended otherwise than killed (%v): %s", cmd.ProcessState, out)
			}
			wantCleaned(t, prefix+id)
		})
	}
}

// removeAndDie makes the network and a container of a cluster, and removes them until the
// docker command that begins with at is under way.
func removeAndDie(t *testing.T, id, at string) {
	t.Helper()
	cfg := config(t, id).withDefaults()
	root, err := flock.StateDir("kind")
	if err != nil {
		t.Fatal(err)
	}
	c, err := begin(t.Context(), cfg, root)
	if err != nil {
		t.Fatal(err)
	}
	m, err := prepare(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.docker.makeNetwork(t.Context(), c.name, c.claim.dir, true); err != nil {
		t.Fatal(err)
	}
	if _, err := c.docker(t.Context(), "create", "--network", c.name, "--label", kindLabel+"="+c.name, m.nodeImage); err != nil {
		t.Fatal(err)
	}
	c.docker = func(ctx context.Context, args ...string) (string, error) {
		if !strings.HasPrefix(strings.Join(args, " "), at) {
			return dockerCLI(ctx, args...)
		}
		cmd := exec.CommandContext(ctx, "docker", args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return "", syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
