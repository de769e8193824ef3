package podspec

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PullSecret is the name of the Secret by which nodes pull images of a run.
const PullSecret = "netassay-pull"

// Stay has a pod stay on its node whatever taints that has, and its images pulled by PullSecret
// when pull is set.
func Stay(pod *corev1.Pod, pull bool) {
	pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	if pull {
		pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: PullSecret}}
	}
}

// PullSecretObject is the Secret PullSecret; credentials are in the form of .docker/config.json.
func PullSecretObject(namespace string, labels map[string]string, credentials []byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: PullSecret, Namespace: namespace, Labels: labels},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: credentials},
	}
}
