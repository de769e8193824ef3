package verify

import (
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The names and the port of the documentation's walkthrough.
const (
	Namespace  = "demo"
	PolicyName = "demo-policy"
	serverPod  = "server"
	clientPod  = "client"
	port       = 80
)

func server(image, node string) *corev1.Pod {
	pod := agnhost(serverPod, image, node,
		"/agnhost", "serve-hostname", "--tcp", "--http=false", "--port", "80")
	pod.Labels = map[string]string{"app": "server"}
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: port, Protocol: corev1.ProtocolTCP}}
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(port)}},
		PeriodSeconds: 1,
	}
	return pod
}

func client(image, node string) *corev1.Pod {
	return agnhost(clientPod, image, node, "/agnhost", "pause")
}

func agnhost(name, image, node string, command ...string) *corev1.Pod {
	grace := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name},
		Spec: corev1.PodSpec{
			NodeName:                      node,
			TerminationGracePeriodSeconds: &grace,
			Containers:                    []corev1.Container{{Name: name, Image: image, Command: command}},
		},
	}
}

// policy is the documentation's demo-policy: only pods labelled app=client reach the
// server, and only on TCP port 80.
func policy() *netv1.NetworkPolicy {
	tcp, p := corev1.ProtocolTCP, intstr.FromInt32(port)
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: PolicyName},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "server"}},
			Ingress: []netv1.NetworkPolicyIngressRule{{
				From: []netv1.NetworkPolicyPeer{{
					PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "client"}},
				}},
				Ports: []netv1.NetworkPolicyPort{{Port: &p, Protocol: &tcp}},
			}},
		},
	}
}
