package reference

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/objects"
)

const (
	// imageName is what a target calls the enforcer's image.
	imageName = "enforcer"
	// rolloutDeadline is generous: nodes may have to pull the image.
	rolloutDeadline = 5 * time.Minute
	rolloutPoll     = 200 * time.Millisecond
)

// deployment is what Deploy made on a cluster.
type deployment struct {
	client  kubernetes.Interface
	applied *objects.Applied
}

var _ engines.Deployable = (*Engine)(nil)

// Deploy applies the enforcer's own manifests and waits for its DaemonSet: a pod of it is
// ready when what it knows is in the kernel.
func (e *Engine) Deploy(ctx context.Context, target engines.Target) error {
	manifests, err := e.manifests(ctx, target.Image(imageName))
	if err != nil {
		return err
	}
	d, err := connect(target)
	if err != nil {
		return err
	}
	e.deployed = d
	for _, o := range manifests {
		if err := d.applied.Apply(ctx, o); err != nil {
			return err
		}
		if o.GetKind() != "DaemonSet" {
			continue
		}
		if err := d.awaitRollout(ctx, o.GetNamespace(), o.GetName(), len(target.Nodes)); err != nil {
			return err
		}
	}
	return nil
}

// Undeploy deletes the objects that Deploy applied, the last first.
func (e *Engine) Undeploy(ctx context.Context) error {
	if e.deployed == nil {
		return nil
	}
	d := e.deployed
	e.deployed = nil
	return d.applied.Delete(ctx)
}

// manifests asks the enforcer's program how it wants to be deployed.
func (e *Engine) manifests(ctx context.Context, image string) ([]*unstructured.Unstructured, error) {
	cmd := exec.CommandContext(ctx, e.Binary, "manifests", "--image", image)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("get manifests of the enforcer: %w: %s", err, strings.TrimSpace(complaints.String()))
	}
	manifests, err := objects.Parse("manifests of the enforcer", string(text))
	if err != nil {
		return nil, err
	}
	return manifests, addArgs(manifests, e.Args)
}

// addArgs adds arguments to the agent's command line.
func addArgs(manifests []*unstructured.Unstructured, args []string) error {
	for _, o := range manifests {
		containers, ok, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		if err != nil {
			return fmt.Errorf("read manifests of the enforcer: %s: %w", o.GetName(), err)
		}
		if !ok {
			continue
		}
		agent, _ := containers[0].(map[string]any)
		all, _, err := unstructured.NestedStringSlice(agent, "args")
		if err == nil {
			err = unstructured.SetNestedStringSlice(agent, append(all, args...), "args")
		}
		if err == nil {
			err = unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers")
		}
		if err != nil {
			return fmt.Errorf("add arguments to %s: %w", o.GetName(), err)
		}
	}
	return nil
}

func connect(target engines.Target) (*deployment, error) {
	client, err := kubernetes.NewForConfig(target.REST)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	applied, err := objects.Connect(target.REST)
	return &deployment{client: client, applied: applied}, err
}

// awaitRollout waits until the DaemonSet's present pods are ready on all its nodes, and
// these are at least as many as must be served.
func (d *deployment) awaitRollout(ctx context.Context, namespace, name string, nodes int) error {
	ctx, cancel := context.WithTimeout(ctx, rolloutDeadline)
	defer cancel()
	last := "not asked yet"
	err := wait.PollUntilContextCancel(ctx, rolloutPoll, true, func(ctx context.Context) (bool, error) {
		ds, err := d.client.AppsV1().DaemonSets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			last = err.Error()
			return false, nil // an API server that is away for a moment is asked again
		}
		last = notRolledOut(ds, nodes)
		return last == "", nil
	})
	if err != nil {
		return fmt.Errorf("wait for DaemonSet %s to be in sync on %d nodes: %w (last: %s%s)",
			name, nodes, err, last, d.complaints(context.WithoutCancel(ctx), namespace, name))
	}
	return nil
}

// notRolledOut says what is missing, "" when nothing is.
func notRolledOut(ds *appsv1.DaemonSet, nodes int) string {
	s := ds.Status
	switch {
	case s.ObservedGeneration < ds.Generation:
		return "not looked at yet"
	case int(s.DesiredNumberScheduled) < nodes:
		return fmt.Sprintf("scheduled to %d nodes", s.DesiredNumberScheduled)
	case s.UpdatedNumberScheduled < s.DesiredNumberScheduled:
		return fmt.Sprintf("%d of %d pods are of the present version", s.UpdatedNumberScheduled, s.DesiredNumberScheduled)
	case s.NumberReady < s.DesiredNumberScheduled:
		return fmt.Sprintf("%d of %d pods are ready", s.NumberReady, s.DesiredNumberScheduled)
	}
	return ""
}

// complaints are what the DaemonSet's containers wait for.
func (d *deployment) complaints(ctx context.Context, namespace, name string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	pods, err := d.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + name})
	if err != nil {
		return "; " + err.Error()
	}
	var b strings.Builder
	for i := range pods.Items {
		for _, c := range pods.Items[i].Status.ContainerStatuses {
			b.WriteString(complaint(&pods.Items[i], c))
		}
	}
	return b.String()
}

func complaint(p *corev1.Pod, c corev1.ContainerStatus) string {
	switch {
	case c.State.Waiting != nil:
		return fmt.Sprintf("; %s: %s %s", p.Spec.NodeName, c.State.Waiting.Reason, c.State.Waiting.Message)
	case c.State.Terminated != nil:
		return fmt.Sprintf("; %s: ended with code %d", p.Spec.NodeName, c.State.Terminated.ExitCode)
	}
	return ""
}
