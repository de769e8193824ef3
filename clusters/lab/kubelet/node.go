package kubelet

import (
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Port is where a node's HTTPS server listens.
const Port = 10250

// maxPods is a node's capacity, as the kubelet's default.
const maxPods = "110"

// nodeObject is the node as it registers itself: ready, without taints.
func nodeObject(c *Config, now time.Time) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: c.NodeName,
			Labels: map[string]string{
				corev1.LabelHostname:   c.NodeName,
				corev1.LabelOSStable:   runtime.GOOS,
				corev1.LabelArchStable: runtime.GOARCH,
			},
		},
		Status: corev1.NodeStatus{
			Phase:       corev1.NodeRunning,
			Capacity:    capacity(),
			Allocatable: capacity(),
			Addresses:   nodeAddresses(c.NodeName, c.NodeIPs),
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
				LastHeartbeatTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
			}},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: Port}},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: "v1.37.2-netassay", ContainerRuntimeVersion: "lab://process",
				OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, OSImage: "netassay lab",
				KernelVersion: kernelVersion(),
			},
		},
	}
	for _, cidr := range c.PodCIDRs {
		n.Spec.PodCIDRs = append(n.Spec.PodCIDRs, cidr.String())
	}
	if len(n.Spec.PodCIDRs) > 0 {
		n.Spec.PodCIDR = n.Spec.PodCIDRs[0]
	}
	return n
}

func capacity() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("32"),
		corev1.ResourceMemory:           resource.MustParse("64Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("64Gi"),
		corev1.ResourcePods:             resource.MustParse(maxPods),
	}
}

func nodeAddresses(name string, ips []netip.Addr) []corev1.NodeAddress {
	var out []corev1.NodeAddress
	for _, ip := range ips {
		out = append(out, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip.String()})
	}
	return append(out, corev1.NodeAddress{Type: corev1.NodeHostName, Address: name})
}

// kernelVersion is the release of the running kernel, empty when it can't be told.
func kernelVersion() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
