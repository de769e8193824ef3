package podspec

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// ContainerName is the name of the container that a prober is started in.
const ContainerName = "probe"

// PodLabel is the label of a Pod that holds its name, for policies to select it by.
const PodLabel = "pod"

// Container idles; the resident prober is started in it by exec, so that the harness holds
// both ends of its lifeline. SCTP is probed by raw packets.
func Container(image string) corev1.Container {
	return corev1.Container{
		Name:    ContainerName,
		Image:   image,
		Command: []string{"/probe", "idle"},
		SecurityContext: &corev1.SecurityContext{Capabilities: &corev1.Capabilities{
			Add: []corev1.Capability{"NET_RAW", "NET_BIND_SERVICE"},
		}},
	}
}

// Pod is a pod of nothing but a prober, on a node that is set directly: what is measured
// must not depend on a scheduler. Its labels are those given and PodLabel. It needs no API
// token and ends soon.
func Pod(namespace, name, node, image string, labels map[string]string) *corev1.Pod {
	all := map[string]string{PodLabel: name}
	maps.Copy(all, labels)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: all},
		Spec: corev1.PodSpec{
			NodeName:                      node,
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			TerminationGracePeriodSeconds: ptr.To[int64](1),
			Containers:                    []corev1.Container{Container(image)},
		},
	}
}
