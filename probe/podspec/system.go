package podspec

import corev1 "k8s.io/api/core/v1"

// The operating systems of nodes.
const (
	Linux   = string(corev1.Linux)
	Windows = string(corev1.Windows)
)

// WindowsTaint tolerates the taint by which Kubernetes' documentation has Windows nodes keep away
// pods that are not for them.
// https://kubernetes.io/docs/concepts/windows/user-guide/#ensuring-os-specific-workloads-land-on-the-appropriate-container-host
func WindowsTaint() corev1.Toleration {
	return corev1.Toleration{Key: "os", Operator: corev1.TolerationOpEqual, Value: Windows, Effect: corev1.TaintEffectNoSchedule}
}

// For has a pod run on nodes of an operating system only; "" leaves it as it is.
func For(pod *corev1.Pod, system string) {
	if system == "" {
		return
	}
	pod.Spec.OS = &corev1.PodOS{Name: corev1.OSName(system)}
	if pod.Spec.NodeSelector == nil {
		pod.Spec.NodeSelector = map[string]string{}
	}
	pod.Spec.NodeSelector[corev1.LabelOSStable] = system
	if system == Windows {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, WindowsTaint())
	}
}
