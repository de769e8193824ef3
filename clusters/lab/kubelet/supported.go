package kubelet

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
)

// supported returns an error for a field of the pod that would change how it runs and that
// the lab does not know: a pod that ran as if the field were not there would mislead.
func supported(pod *corev1.Pod, c *corev1.Container) error {
	switch {
	case len(pod.Spec.InitContainers) > 0:
		return errors.New("spec.initContainers: the lab runs no init containers; remove them or use a kind cluster")
	case pod.Spec.ActiveDeadlineSeconds != nil:
		return errors.New("spec.activeDeadlineSeconds: the lab ends no pod by a deadline; remove it or use a kind cluster")
	case c.StartupProbe != nil:
		return errors.New("startupProbe: the lab knows readiness and liveness probes only; use initialDelaySeconds there")
	case c.Lifecycle != nil:
		return errors.New("lifecycle: the lab runs no hooks; remove them or use a kind cluster")
	case c.Stdin, c.TTY:
		return errors.New("stdin, tty: the lab attaches nobody to a container; remove them and use kubectl exec or logs")
	default:
		return nil
	}
}
