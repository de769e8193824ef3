package clusters

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// DeleteSelected deletes the namespaces that a label selector finds, with all that is in them, and
// touches no others. It does not wait until they are gone.
func DeleteSelected(ctx context.Context, client kubernetes.Interface, selector string) error {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	return DeleteNamespaces(ctx, client, list.Items)
}

// DeleteNamespaces deletes these namespaces, as far as they are there, and none that has taken the
// name of one meanwhile. It does not wait until they are gone.
func DeleteNamespaces(ctx context.Context, client kubernetes.Interface, all []corev1.Namespace) error {
	var errs []error
	for i := range all {
		n := &all[i]
		err := client.CoreV1().Namespaces().Delete(ctx, n.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(n.UID))})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, fmt.Errorf("delete namespace %s: %w", n.Name, err))
		}
	}
	return errors.Join(errs...)
}
