package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
)

// Options bound the check.
type Options struct {
	// Deadline is how long each step may take to become true.
	Deadline time.Duration
	// Confirmations is how many times in a row the expected answer must come.
	Confirmations int
	// Report is told each step as it ends.
	Report func(Step)
}

// Step is one line of the walkthrough and the evidence for it.
type Step struct {
	Title    string        // what was done or expected
	Command  string        // what was run in the client, empty for API writes
	Output   string        // what it printed, trimmed
	OK       bool          // the expectation held, Confirmations times in a row
	Attempts int           // how often the command ran
	Took     time.Duration // from the step's start to its end
}

// ErrNamespaceExists says that the walkthrough's namespace was there before.
var ErrNamespaceExists = errors.New("namespace " + Namespace + " already exists and is not ours: delete it or use another cluster")

// Run does the walkthrough and cleans up behind itself. pass is true when every
// expectation held; err is non-nil when the walkthrough itself could not be done, and
// then pass means nothing.
func Run(ctx context.Context, c clusters.Cluster, o Options) (pass bool, err error) {
	api, err := kubernetes.NewForConfig(c.REST())
	if err != nil {
		return false, fmt.Errorf("create client: %w", err)
	}
	return run(ctx, &walk{cluster: c, api: api, opts: o, pass: true})
}

func run(ctx context.Context, w *walk) (pass bool, err error) {
	if err := w.createNamespace(ctx); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.cleanUp(context.WithoutCancel(ctx))) }()
	err = w.steps(ctx)
	return w.pass, err
}

type walk struct {
	cluster clusters.Cluster
	api     kubernetes.Interface
	opts    Options
	pass    bool
	servers []string // addresses of the server pod, one per family
}

func (w *walk) steps(ctx context.Context) error {
	if err := w.createPods(ctx); err != nil {
		return err
	}
	if err := w.expectConnect(ctx, "without a policy the client connects, silently", connected); err != nil {
		return err
	}
	if err := w.write("apply "+PolicyName, func() error {
		_, err := w.api.NetworkingV1().NetworkPolicies(Namespace).Create(ctx, policy(), metav1.CreateOptions{})
		return err
	}); err != nil {
		return err
	}
	if err := w.expectConnect(ctx, "under the policy the same command prints TIMEOUT", timedOut); err != nil {
		return err
	}
	if err := w.write("label pod client app=client", func() error {
		patch := []byte(`{"metadata":{"labels":{"app":"client"}}}`)
		_, err := w.api.CoreV1().Pods(Namespace).Patch(ctx, clientPod, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	}); err != nil {
		return err
	}
	return w.expectConnect(ctx, "with the label the client connects again, silently", connected)
}

func (w *walk) createNamespace(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace}}
	return w.write("create namespace "+Namespace, func() error {
		_, err := w.api.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return ErrNamespaceExists
		}
		return err
	})
}

// createPods puts the two pods on different nodes where there are two.
func (w *walk) createPods(ctx context.Context) error {
	nodes := w.cluster.Nodes()
	if len(nodes) == 0 {
		return errors.New("cluster has no node for pods")
	}
	image := w.cluster.Image("agnhost")
	pods := []*corev1.Pod{server(image, nodes[0]), client(image, nodes[len(nodes)-1])}
	return w.write("run pods server (app=server) and client", func() error {
		for _, p := range pods {
			if _, err := w.api.CoreV1().Pods(Namespace).Create(ctx, p, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		if err := w.waitReady(ctx, clientPod); err != nil {
			return err
		}
		return w.waitReady(ctx, serverPod)
	})
}

func (w *walk) waitReady(ctx context.Context, name string) error {
	last := "not seen"
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, w.opts.Deadline, true, func(ctx context.Context) (bool, error) {
		pod, err := w.api.CoreV1().Pods(Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			last = err.Error()
			return false, nil
		}
		last = "phase " + string(pod.Status.Phase)
		if !ready(pod) {
			return false, nil
		}
		if name == serverPod {
			w.servers = addresses(pod)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("wait for pod %s to be ready (%s): %w", name, last, err)
	}
	return nil
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func addresses(p *corev1.Pod) []string {
	var as []string
	for _, ip := range p.Status.PodIPs {
		as = append(as, net.JoinHostPort(ip.IP, "80"))
	}
	return as
}

// write does one API write and reports it as a step.
func (w *walk) write(title string, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	w.opts.Report(Step{Title: title, OK: true, Took: time.Since(start)})
	return nil
}

// expectConnect runs the documentation's command against each of the server's addresses.
func (w *walk) expectConnect(ctx context.Context, title string, want func(result) bool) error {
	for _, addr := range w.servers {
		step, err := w.poll(ctx, addr, want)
		if err != nil {
			return err
		}
		step.Title = title
		w.pass = w.pass && step.OK
		w.opts.Report(step)
	}
	return nil
}

// poll runs the command until the wanted result came Confirmations times in a row, or
// the deadline passed. Only a command that ran counts.
func (w *walk) poll(ctx context.Context, addr string, want func(result) bool) (Step, error) {
	command := []string{"/agnhost", "connect", addr, "--timeout=3s", "--protocol=tcp"}
	start := time.Now()
	step := Step{Command: strings.Join(command, " ")}
	for row := 0; ; {
		r, err := w.exec(ctx, command)
		if err != nil {
			return step, fmt.Errorf("exec %q in %s/%s: %w", step.Command, Namespace, clientPod, err)
		}
		step.Attempts++
		step.Output = r.output
		step.Took = time.Since(start)
		if row++; !want(r) {
			row = 0
		}
		if row >= w.opts.Confirmations {
			step.OK = true
			return step, nil
		}
		if step.Took > w.opts.Deadline {
			return step, nil
		}
	}
}

// result is what the command said: agnhost connect is silent and exits 0 on success, and
// prints one word (TIMEOUT, REFUSED, OTHER, …) and exits 1 otherwise.
type result struct {
	code   int
	output string
}

func connected(r result) bool { return r.code == 0 && r.output == "" }
func timedOut(r result) bool  { return r.code != 0 && r.output == "TIMEOUT" }

func (w *walk) exec(ctx context.Context, command []string) (result, error) {
	var out bytes.Buffer
	err := w.cluster.Exec(ctx, Namespace, clientPod, clientPod, command, clusters.Streams{Out: &out, Err: &out})
	r := result{output: strings.TrimSpace(out.String())}
	var exit *clusters.ExitError
	if errors.As(err, &exit) {
		r.code = exit.Code
		return r, nil
	}
	return r, err
}

// cleanUpDeadline is apart from the steps': the namespace controller alone waits some
// seconds for pods to go.
const cleanUpDeadline = time.Minute

// cleanUp deletes the namespace and waits until it is gone, so that the next run starts
// from nothing.
func (w *walk) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanUpDeadline)
	defer cancel()
	return w.write("delete namespace "+Namespace, func() error {
		if err := w.api.CoreV1().Namespaces().Delete(ctx, Namespace, metav1.DeleteOptions{}); err != nil {
			return err
		}
		return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			_, err := w.api.CoreV1().Namespaces().Get(ctx, Namespace, metav1.GetOptions{})
			return apierrors.IsNotFound(err), nil
		})
	})
}
