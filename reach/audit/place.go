package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/suites/fixture"
)

// atOnce bounds how many pods are made at a time.
const atOnce = 8

// place makes the namespaces and the pods, and starts the probers.
func (r *run) place(ctx context.Context) error {
	for _, n := range r.Plan.Namespaces {
		object := namespaceObject(r.Plan.ID, n)
		if err := pods.CreateNamespace(ctx, r.Client, object, r.Objects.SecretObject(n.Name)); err != nil {
			return err
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
			starter := pods.Starter{Client: r.Client, Exec: r.Exec, Fleet: r.fleet, Listen: listen(p)}
			r.pods[i], err = starter.Create(gctx, podObject(r.Objects, p))
			return err
		})
	}
	return g.Wait()
}

// apply makes the copies of policies.
func (r *run) apply(ctx context.Context) error {
	for _, p := range r.Plan.Policies {
		object := policyObject(r.Plan.ID, p.Object)
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
