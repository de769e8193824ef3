package existing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/probe/pods"
)

// Bounds of the dry runs, and of the removal of their namespaces when all was cancelled.
const (
	accountTimeout = 10 * time.Second
	removeTimeout  = 10 * time.Second
)

// refusals are what admission has against the samples.
func refusals(ctx context.Context, client kubernetes.Interface, needs clusters.Needs) []Problem {
	var problems []Problem
	for _, s := range needs.Samples {
		namespace := s.Namespace.DeepCopy()
		namespace.Name, namespace.GenerateName = "", fmt.Sprintf("netassay-%s-preflight-", needs.RunID)
		namespace.Labels = maps.Clone(namespace.Labels)
		if namespace.Labels == nil {
			namespace.Labels = map[string]string{}
		}
		namespace.Labels[needs.RunLabel] = needs.RunID
		made, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
		if err != nil {
			problems = append(problems, unmade(namespace, s.Pod, err))
			continue
		}
		problems = append(problems, tried(ctx, client, made, s.Pod)...)
		if err := remove(ctx, client, made, needs); err != nil {
			problems = append(problems, lesser("can't remove namespace %s: %v", made.Name, err))
		}
	}
	return problems
}

// unmade is the line for a namespace that could not be created.
func unmade(namespace *corev1.Namespace, sample *corev1.Pod, err error) Problem {
	text, refused := err.Error(), apierrors.IsForbidden(err) || apierrors.IsInvalid(err)
	if i := strings.Index(text, "denied request: "); i >= 0 {
		text = text[i+len("denied request: "):]
	}
	switch {
	case refused && sample.Spec.HostNetwork:
		return fatal("PodSecurity is restricted for %s, without which no deny is proven: no namespace may be privileged: %s: exempt namespaces netassay-*", what(sample), text)
	case refused:
		return fatal("admission refuses namespaces of %s: %s: exempt namespaces netassay-*, or run with --restricted", what(sample), text)
	}
	return fatal("can't create namespaces like %s*: %v", namespace.GenerateName, err)
}

// tried is what comes of creating the pod in the namespace, as a dry run.
func tried(ctx context.Context, client kubernetes.Interface, in *corev1.Namespace, sample *corev1.Pod) []Problem {
	pod := sample.DeepCopy()
	pod.Namespace = in.Name
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	got, err := pods.Create(ctx, client, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return []Problem{refusal(sample, err)}
	}
	var problems []Problem
	for _, capability := range lost(pod, got) {
		problems = append(problems, fatal("no %s for pods like %s: admission takes the capability away: exempt namespaces netassay-*, or run with --restricted", capability, sample.Name))
	}
	return problems
}

// refusal is the line for a pod that admission refused.
func refusal(sample *corev1.Pod, err error) Problem {
	text := err.Error()
	if i := strings.Index(text, "is forbidden: "); i >= 0 {
		text = text[i+len("is forbidden: "):]
	}
	what := what(sample)
	cure := "exempt namespaces netassay-*"
	if !sample.Spec.HostNetwork {
		cure += ", or run with --restricted"
	}
	switch {
	case !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err):
		return fatal("can't create %s: %s", what, text)
	case strings.Contains(text, "violates PodSecurity"):
		return fatal("PodSecurity enforced against %s: %s: %s", what, text, cure)
	case strings.Contains(text, "NET_RAW") && !sample.Spec.HostNetwork:
		return fatal("no NET_RAW for %s, which SCTP is probed by: %s: %s", what, text, cure)
	}
	return fatal("admission refuses %s: %s: %s", what, text, cure)
}

// what is the sample as people know it.
func what(sample *corev1.Pod) string {
	if sample.Spec.HostNetwork {
		return "control probers (pods with hostNetwork)"
	}
	return "test pods"
}

// lost are the capabilities that a pod asked for and was not given.
func lost(asked, got *corev1.Pod) []corev1.Capability {
	var missing []corev1.Capability
	for i := range asked.Spec.Containers {
		given := added(got, asked.Spec.Containers[i].Name)
		for _, capability := range added(asked, asked.Spec.Containers[i].Name) {
			if !slices.Contains(given, capability) && !slices.Contains(missing, capability) {
				missing = append(missing, capability)
			}
		}
	}
	return missing
}

func added(p *corev1.Pod, container string) []corev1.Capability {
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		if c.Name == container && c.SecurityContext != nil && c.SecurityContext.Capabilities != nil {
			return c.SecurityContext.Capabilities.Add
		}
	}
	return nil
}

// remove deletes a namespace that was made here, and no other that has its name by now.
func remove(ctx context.Context, client kubernetes.Interface, made *corev1.Namespace, needs clusters.Needs) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	now, err := client.CoreV1().Namespaces().Get(ctx, made.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case now.UID != made.UID || now.Labels[needs.RunLabel] != needs.RunID:
		return fmt.Errorf("it is not the one that was made here (no label %s=%s)", needs.RunLabel, needs.RunID)
	}
	err = client.CoreV1().Namespaces().Delete(ctx, made.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(made.UID))})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
