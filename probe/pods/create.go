package pods

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// CreateNamespace creates a namespace, and in it the credentials by which its pods are pulled; nil:
// none are needed.
func CreateNamespace(ctx context.Context, client kubernetes.Interface, namespace *corev1.Namespace, pull *corev1.Secret) error {
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", namespace.Name, err)
	}
	if pull == nil {
		return nil
	}
	if _, err := client.CoreV1().Secrets(namespace.Name).Create(ctx, pull, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create secret %s/%s: %w", namespace.Name, pull.Name, err)
	}
	return nil
}

// Create creates a pod, and gives it as the API server has it. A namespace that is a moment old has no
// service account yet, and the API server refuses pods until it has: so long it tries again, until ctx
// is done.
func Create(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, o metav1.CreateOptions) (got *corev1.Pod, err error) {
	var refused error
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		got, err = client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, o)
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount") {
			refused = err
			return false, nil
		}
		return err == nil, err
	})
	if wait.Interrupted(err) {
		err = errors.Join(err, refused)
	}
	return got, err
}

// Ready reports whether a pod answers, as its kubelet sees it, and is not about to go.
func Ready(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
