package kindtest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/registry"
)

const (
	askVariable = "NETASSAY_KIND"
	patience    = 6 * time.Minute // for whatever waits for containers on a busy machine
	every       = time.Second
)

var built = flag.String("built", "../../bin", "directory of the programs and images that make netassay-image and make sonobuoy-image build")

// world is a cluster with our image and Sonobuoy's on its nodes.
type world struct {
	cluster            *kind.Cluster
	client             kubernetes.Interface
	dir                string // for files of the tests
	netassay, sonobuoy string // programs
	images             []string
}

// newWorld makes a cluster, in which nothing enforces policies.
func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Getenv(askVariable) != "1" {
		t.Skipf("makes a real cluster by Docker: set %s=1, or make sonobuoy-kind", askVariable)
	}
	if err := kind.Available(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs(*built)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		dir:      t.TempDir(),
		netassay: filepath.Join(dir, "linux-"+runtime.GOARCH, "netassay"), sonobuoy: filepath.Join(dir, "sonobuoy"),
	}
	w.cluster, err = kind.Start(t.Context(), kind.Config{Progress: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.cluster.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"netassay-image", "sonobuoy-image"} {
		if err := w.cluster.Load(t.Context(), filepath.Join(dir, name+"-"+runtime.GOARCH+".tar")); err != nil {
			t.Fatal(err)
		}
	}
	if w.client, err = kubernetes.NewForConfig(w.cluster.REST()); err != nil {
		t.Fatal(err)
	}
	w.images = []string{
		"--netassay-image=netassay/netassay:latest",
		"--image=agnhost=" + w.cluster.Image("agnhost"), "--image=probe=" + w.cluster.Image("probe"),
	}
	return w
}

// enforce puts the reference enforcer to work.
func (w *world) enforce(t *testing.T) {
	t.Helper()
	entry, err := registry.Lookup("reference")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := entry.Build(t.Context(), binaries.Own)
	if err != nil {
		t.Fatal(err)
	}
	target := engines.Target{REST: w.cluster.REST(), Image: w.cluster.Image, Nodes: w.cluster.Nodes()}
	if err := engine.(engines.Deployable).Deploy(t.Context(), target); err != nil {
		t.Fatal(err)
	}
}

// command runs a program that reaches the cluster as its users do, and returns what it printed.
func (w *world) command(ctx context.Context, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.cluster.Kubeconfig())
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", filepath.Base(argv[0]), strings.Join(argv[1:], " "), err, end(complaints.String()))
	}
	return out.String(), nil
}

// must is command for what has to work.
func (w *world) must(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := w.command(t.Context(), argv...)
	if err != nil {
		t.Fatalf("%v\n%s", err, end(out))
	}
	return out
}

// gen writes a manifest to a file; kind is sonobuoy or job.
func (w *world) gen(ctx context.Context, name, kind string, flags ...string) (file string, err error) {
	text, err := w.command(ctx, append(append([]string{w.netassay, kind, "gen", "conformance"}, w.images...), flags...)...)
	if err != nil {
		return "", err
	}
	file = filepath.Join(w.dir, name+".yaml")
	return file, os.WriteFile(file, []byte(text), 0o644)
}

// until asks until it is so; why not is told in the error.
func until(ctx context.Context, long time.Duration, what string, ask func(context.Context) (whyNot string, err error)) error {
	last := "not asked yet"
	err := wait.PollUntilContextTimeout(ctx, every, long, true, func(ctx context.Context) (bool, error) {
		var err error
		if last, err = ask(ctx); err != nil {
			last = err.Error() // an API server that doesn't answer is asked again
			return false, nil
		}
		return last == "", nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s (last: %s): %w", what, last, err)
	}
	return nil
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, long time.Duration) error {
	select {
	case <-time.After(long):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end is the end of a text.
func end(text string) string {
	const most = 2000
	return text[max(0, len(text)-most):]
}

// noLeftovers has netassay clean remove what killed runs have left, and sees that it does.
func (w *world) noLeftovers(ctx context.Context) error {
	out, err := w.command(ctx, w.netassay, "clean", "--kubeconfig", w.cluster.Kubeconfig(), "--older", "1ms")
	if err != nil {
		return errors.Join(err, errors.New(end(out)))
	}
	return until(ctx, patience, "namespaces of killed runs to go", func(ctx context.Context) (string, error) {
		return w.leftover(ctx)
	})
}
