package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/suites/fixture"
)

// atOnce bounds how many pods are made at a time; accountEvery is how often one is tried again.
const (
	atOnce       = 8
	accountEvery = 100 * time.Millisecond
)

// place makes the namespaces and the pods, and starts the probers.
func (r *run) place(ctx context.Context) error {
	id := r.Plan.ID
	for _, n := range r.Plan.Namespaces {
		object := r.Objects.namespace(id, n)
		if _, err := r.Client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create namespace: %w", err)
		}
		if r.Objects.PullSecret == nil {
			continue
		}
		secret := podspec.PullSecretObject(n.Name, map[string]string{fixture.RunLabel: id}, r.Objects.PullSecret)
		if _, err := r.Client.CoreV1().Secrets(n.Name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create pull secret: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timing.Start)
	defer cancel()
	r.pods = make([]probe.Pod, len(r.Plan.Pods))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range r.Plan.Pods {
		g.Go(func() (err error) {
			p := &r.Plan.Pods[i]
			if err := r.createPod(gctx, r.Objects.pod(id, p)); err != nil {
				return err
			}
			starter := pods.Starter{Client: r.Client, Exec: r.Exec, Fleet: r.fleet, Listen: listen(p)}
			r.pods[i], err = starter.Attach(gctx, p.Namespace, p.Name)
			return err
		})
	}
	return g.Wait()
}

// createPod creates a pod, again while its namespace has no service account yet.
func (r *run) createPod(ctx context.Context, pod *corev1.Pod) error {
	err := wait.PollUntilContextCancel(ctx, accountEvery, true, func(ctx context.Context) (bool, error) {
		_, err := r.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount") {
			return false, nil // which a new namespace gets a moment later
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("create pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// apply makes the copies of policies.
func (r *run) apply(ctx context.Context) error {
	for _, p := range r.Plan.Policies {
		object := r.Objects.policy(r.Plan.ID, p.Object)
		if _, err := r.Client.NetworkingV1().NetworkPolicies(object.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create a copy of policy %s: %w", p.Of, err)
		}
	}
	return nil
}

// withdraw takes the copies away.
func (r *run) withdraw(ctx context.Context) error {
	for _, p := range r.Plan.Policies {
		err := r.Client.NetworkingV1().NetworkPolicies(p.Object.Namespace).Delete(ctx, p.Object.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete the copy of policy %s: %w", p.Of, err)
		}
	}
	return nil
}

// remove takes away all that was made, and ends the probers.
func (r *run) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timing.Deadline)
	defer cancel()
	return errors.Join(r.fleet.Close(), clusters.DeleteSelected(ctx, r.Client, fixture.Selector(r.Plan.ID)))
}
