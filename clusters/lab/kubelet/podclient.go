package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// podClients is the client that the pod controller gets. It changes two habits of the
// controller that a node must not have.
type podClients struct {
	corev1client.PodsGetter
	agent *agent
}

func (p podClients) Pods(namespace string) corev1client.PodInterface {
	return podClient{PodInterface: p.PodsGetter.Pods(namespace), agent: p.agent, namespace: namespace}
}

type podClient struct {
	corev1client.PodInterface
	agent     *agent
	namespace string
}

// UpdateStatus patches the status only. The controller would send the whole object, which
// takes back what others did to labels and annotations in the meantime.
func (c podClient) UpdateStatus(ctx context.Context, pod *corev1.Pod, _ metav1.UpdateOptions) (*corev1.Pod, error) {
	return patchStatus(ctx, c.PodInterface, pod)
}

// Delete waits until the pod's processes and addresses are released. The controller would
// remove the object while they are still there.
func (c podClient) Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error {
	if opts.Preconditions != nil && opts.Preconditions.UID != nil {
		if err := c.agent.await(ctx, *opts.Preconditions.UID, c.grace(name, *opts.Preconditions.UID)); err != nil {
			return err
		}
	}
	return c.PodInterface.Delete(ctx, name, opts)
}

func (c podClient) grace(name string, uid types.UID) time.Duration {
	if pod, err := c.agent.pods.Pods(c.namespace).Get(name); err == nil && pod.UID == uid {
		return deletionGrace(pod)
	}
	return 0
}

// patchStatus sets the status of the pod with this uid; it is a NotFound error when there
// is none.
func patchStatus(ctx context.Context, pods corev1client.PodInterface, pod *corev1.Pod) (*corev1.Pod, error) {
	type metadata struct {
		UID types.UID `json:"uid"`
	}
	patch, err := json.Marshal(struct {
		Metadata metadata          `json:"metadata"`
		Status   *corev1.PodStatus `json:"status"`
	}{metadata{pod.UID}, &pod.Status})
	if err != nil {
		return nil, fmt.Errorf("encode pod status: %w", err)
	}
	got, err := pods.Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsConflict(err) || apierrors.IsInvalid(err) && otherUID(ctx, pods, pod) {
		return nil, apierrors.NewNotFound(corev1.Resource("pods"), pod.Name)
	}
	return got, err
}

// otherUID reports whether the name belongs to another pod now.
func otherUID(ctx context.Context, pods corev1client.PodInterface, pod *corev1.Pod) bool {
	now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
	return err == nil && now.UID != pod.UID
}
