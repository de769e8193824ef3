package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// EnforceLabel is the label of a namespace by which the API server enforces a standard there.
const EnforceLabel = "pod-security.kubernetes.io/enforce"

// nobody is a user that no image need know.
const nobody = 65532

// RestrictedPod is what the restricted standard asks of a pod. A user other than root has no
// capability in force, whatever is added, and opens ports below 1024 by the sysctl, which is
// among those that the standard allows.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func RestrictedPod() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot:   ptr.To(true),
		RunAsUser:      ptr.To[int64](nobody),
		RunAsGroup:     ptr.To[int64](nobody),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		Sysctls:        []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}},
	}
}

// RestrictedContainer is what the restricted standard lets every container do.
func RestrictedContainer() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}
