package reference

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/engines"
)

const (
	// imageName is what a target calls the enforcer's image.
	imageName    = "enforcer"
	fieldManager = "netassay"
	// rolloutDeadline is generous: nodes may have to pull the image.
	rolloutDeadline = 5 * time.Minute
	rolloutPoll     = 200 * time.Millisecond
)

// deployment is what Deploy made on a cluster.
type deployment struct {
	client  kubernetes.Interface
	dynamic dynamic.Interface
	mapper  meta.RESTMapper
	objects []*unstructured.Unstructured
}

var _ engines.Deployable = (*Engine)(nil)

// Deploy applies the enforcer's own manifests and waits for its DaemonSet: a pod of it is
// ready when what it knows is in the kernel.
func (e *Engine) Deploy(ctx context.Context, target engines.Target) error {
	objects, err := e.manifests(ctx, target.Image(imageName))
	if err != nil {
		return err
	}
	d, err := connect(target)
	if err != nil {
		return err
	}
	e.deployed = d
	for _, o := range objects {
		if err := d.apply(ctx, o); err != nil {
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
	var errs []error
	for _, o := range slices.Backward(d.objects) {
		r, err := d.resource(o)
		if err == nil {
			err = r.Delete(ctx, o.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err))
		}
	}
	return errors.Join(errs...)
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
	objects, err := parseManifests(string(text))
	if err != nil {
		return nil, err
	}
	return objects, addArgs(objects, e.Args)
}

// addArgs adds arguments to the agent's command line.
func addArgs(objects []*unstructured.Unstructured, args []string) error {
	for _, o := range objects {
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

// parseManifests reads YAML documents.
func parseManifests(text string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for i, doc := range strings.Split(text, "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			return nil, fmt.Errorf("read manifests of the enforcer: document %d: %w", i+1, err)
		}
		if o.GetKind() == "" || o.GetName() == "" {
			return nil, fmt.Errorf("read manifests of the enforcer: document %d has no kind or no name", i+1)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func connect(target engines.Target) (*deployment, error) {
	client, err := kubernetes.NewForConfig(target.REST)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(target.REST)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	groups, err := restmapper.GetAPIGroupResources(discovery.DiscoveryInterface(client.Discovery()))
	if err != nil {
		return nil, fmt.Errorf("list resources of the API server: %w", err)
	}
	return &deployment{client: client, dynamic: dyn, mapper: restmapper.NewDiscoveryRESTMapper(groups)}, nil
}

// resource is where objects like o are.
func (d *deployment) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := o.GroupVersionKind()
	mapping, err := d.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, fmt.Errorf("find resource of %s: %w", kind, err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return d.dynamic.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
	}
	return d.dynamic.Resource(mapping.Resource), nil
}

func (d *deployment) apply(ctx context.Context, o *unstructured.Unstructured) error {
	r, err := d.resource(o)
	if err != nil {
		return err
	}
	if _, err := r.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	d.objects = append(d.objects, o)
	return nil
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
