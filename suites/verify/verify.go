package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
)

// Options bound the check.
type Options struct {
	// Deadline is how long each step may take to become true.
	Deadline time.Duration
	// Confirmations is how many times in a row the expected answer must come.
	Confirmations int
	// NodeOS is the operating system of the nodes that the two pods are for; "" is that of any node
	// of the cluster.
	NodeOS string
	// Report is told each step as it ends.
	Report func(v1.CheckStep)
}

// ErrNamespaceExists is for a walkthrough whose namespace was there before.
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
	servers []corev1.PodIP // addresses of the server pod, one per family
}

func (w *walk) steps(ctx context.Context) error {
	policies := w.api.NetworkingV1().NetworkPolicies(Namespace)
	for _, s := range []struct {
		write  string
		do     func() error
		expect string
		want   func(result) bool
	}{
		{
			"run pods server (app=server) and client", func() error { return w.createPods(ctx) },
			"without a policy the client connects, silently", connected,
		},
		{
			"apply " + PolicyName, func() error {
				_, err := policies.Create(ctx, policy(), metav1.CreateOptions{})
				return err
			},
			"under the policy the same command prints TIMEOUT", timedOut,
		},
		{
			"label pod client app=client", func() error {
				patch := []byte(`{"metadata":{"labels":{"app":"client"}}}`)
				_, err := w.api.CoreV1().Pods(Namespace).Patch(ctx, clientPod, types.MergePatchType, patch, metav1.PatchOptions{})
				return err
			},
			"with the label the client connects again, silently", connected,
		},
	} {
		if err := w.write(s.write, s.do); err != nil {
			return err
		}
		if err := w.expectConnect(ctx, s.expect, s.want); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) createNamespace(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace, Labels: map[string]string{fixture.RunLabel: "verify"}}}
	return w.write("create namespace "+Namespace, func() error {
		_, err := w.api.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return ErrNamespaceExists
		}
		return err
	})
}

// createPods puts the two pods on different nodes where there are two, and waits until
// they are ready.
func (w *walk) createPods(ctx context.Context) error {
	nodes := w.cluster.Nodes()
	if len(nodes) == 0 {
		return errors.New("cluster has no node for pods")
	}
	image := w.cluster.Image("agnhost")
	created, cancel := context.WithTimeout(ctx, w.opts.Deadline)
	defer cancel()
	for _, p := range []*corev1.Pod{server(image, nodes[0]), client(image, nodes[len(nodes)-1])} {
		podspec.For(p, w.opts.NodeOS)
		if _, err := pods.Create(created, w.api, p, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	if _, err := w.awaitReady(ctx, clientPod); err != nil {
		return err
	}
	pod, err := w.awaitReady(ctx, serverPod)
	if err == nil {
		w.servers = pod.Status.PodIPs
	}
	return err
}

func (w *walk) awaitReady(ctx context.Context, name string) (pod *corev1.Pod, err error) {
	last := "not seen"
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, w.opts.Deadline, true, func(ctx context.Context) (bool, error) {
		if pod, err = w.api.CoreV1().Pods(Namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			last = err.Error()
			return false, nil
		}
		last = "phase " + string(pod.Status.Phase)
		return pods.Ready(pod), nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for pod %s to be ready (%s): %w", name, last, err)
	}
	return pod, nil
}

// write does one API write and reports it as a step.
func (w *walk) write(title string, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	w.opts.Report(v1.CheckStep{Title: title, OK: true, Seconds: time.Since(start).Seconds()})
	return nil
}

// expectConnect runs the documentation's command against each of the server's addresses.
func (w *walk) expectConnect(ctx context.Context, title string, want func(result) bool) error {
	for _, ip := range w.servers {
		step, err := w.poll(ctx, net.JoinHostPort(ip.IP, strconv.Itoa(port)), want)
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
func (w *walk) poll(ctx context.Context, addr string, want func(result) bool) (v1.CheckStep, error) {
	command := []string{"/agnhost", "connect", addr, "--timeout=3s", "--protocol=tcp"}
	start := time.Now()
	step := v1.CheckStep{Command: strings.Join(command, " ")}
	for row := 0; ; {
		r, err := w.exec(ctx, command)
		if err != nil {
			return step, fmt.Errorf("exec %q in %s/%s: %w", step.Command, Namespace, clientPod, err)
		}
		step.Attempts++
		step.Output, step.Seconds = r.output, time.Since(start).Seconds()
		if row++; !want(r) {
			row = 0
		}
		step.OK = row >= w.opts.Confirmations
		if step.OK || time.Since(start) > w.opts.Deadline {
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
	var out, errs bytes.Buffer // two, because both streams are copied at once
	err := w.cluster.Exec(ctx, Namespace, clientPod, clientPod, command, clusters.Streams{Out: &out, Err: &errs})
	r := result{output: strings.TrimSpace(out.String() + errs.String())}
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
