package cilium

import (
	"cmp"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The kinds of objects by which agents tell each other of pods.
var (
	endpointResource = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumendpoints"}
	identityResource = schema.GroupVersionResource{Group: "cilium.io", Version: "v2", Resource: "ciliumidentities"}
)

// Labels that Cilium gives pods by itself.
const (
	ofPod          = "io.kubernetes.pod.namespace"
	ofCluster      = "io.cilium.k8s.policy.cluster"
	ofAccount      = "io.cilium.k8s.policy.serviceaccount"
	portsLabel     = "gen:io.cilium.k8s.named-ports"
	longestLabel   = 63 // that a value may be
	defaultCluster = "default"
)

// kept and dropped begin the keys of labels that make an identity, and of those that don't: a key
// goes by the longer beginning (defaultLabelPrefixCfg and filterLabels in pkg/labelsfilter).
var (
	kept = prefixes(`io\.kubernetes\.pod\.namespace`, `io\.cilium\.k8s\.namespace\.labels`, `app\.kubernetes\.io`,
		`io\.cilium\.k8s\.policy\.cluster`, `io\.cilium\.k8s\.policy\.serviceaccount`)
	dropped = prefixes(`io\.kubernetes`, `kubernetes\.io`, `statefulset\.kubernetes\.io/pod-name`, `apps\.kubernetes\.io/pod-index`,
		`batch\.kubernetes\.io/job-completion-index`, `batch\.kubernetes\.io/controller-uid`, `.*beta\.kubernetes\.io`, `k8s\.io`,
		`pod-template-generation`, `pod-template-hash`, `controller-revision-hash`, `controller-uid`, `annotation.*`, `etcd_node`, `topology\.kubernetes\.io`)
)

func prefixes(expressions ...string) []*regexp.Regexp {
	out := make([]*regexp.Regexp, len(expressions))
	for i, e := range expressions {
		out[i] = regexp.MustCompile("^" + e)
	}
	return out
}

// identifies reports whether a label of that key makes an identity.
func identifies(key string) bool {
	longest, shortest := 0, 0
	for _, e := range kept {
		longest = max(longest, len(e.FindString(key)))
	}
	for _, e := range dropped {
		if n := len(e.FindString(key)); n > 0 && (shortest == 0 || n < shortest) {
			shortest = n
		}
	}
	return shortest == 0 || longest > shortest
}

// securityLabels are the labels of which an agent makes a pod's identity, with their sources
// (SanitizePodLabels in pkg/k8s/utils, GetPodMetadata in pkg/k8s).
func securityLabels(ns *corev1.Namespace, pod *corev1.Pod) map[string]string {
	all := map[string]string{ofPod: ns.Name, ofCluster: defaultCluster}
	for k, v := range pod.Labels {
		if !strings.Contains(k, "io.cilium.k8s") && k != ofPod {
			all[k] = v
		}
	}
	for k, v := range ns.Labels {
		all[ofTheirNS+k] = v
	}
	if a := pod.Spec.ServiceAccountName; a != "" {
		all[ofAccount] = a
	}
	out := map[string]string{}
	for k, v := range all {
		if identifies(k) {
			out[source+k] = v
		}
	}
	for i, v := range portsLabels(pod) {
		name := portsLabel
		if i > 0 {
			name += "-" + strconv.Itoa(i)
		}
		out[name] = v
	}
	return out
}

// namedPorts are a pod's ports that have names, sorted by these.
func namedPorts(pod *corev1.Pod) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name != "" {
				p.Protocol = cmp.Or(p.Protocol, corev1.ProtocolTCP)
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b corev1.ContainerPort) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// portsLabels are the values of the labels in which an identity has its named ports, as many as one
// value has room for in each (NamedPortsIdentityLabels in pkg/k8s).
func portsLabels(pod *corev1.Pod) []string {
	var out []string
	for _, p := range namedPorts(pod) {
		port := p.Name + "." + string(p.Protocol) + "." + strconv.Itoa(int(p.ContainerPort))
		if last := len(out) - 1; last >= 0 && len(out[last])+1+len(port) <= longestLabel {
			out[last] += "_" + port
		} else {
			out = append(out, port)
		}
	}
	return out
}

// identityKey tells identities apart.
func identityKey(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(k + "=" + labels[k] + ";")
	}
	return b.String()
}

// identityObject is the CiliumIdentity of that number.
func identityObject(id int64, labels map[string]string) *unstructured.Unstructured {
	return object("CiliumIdentity", map[string]any{
		"metadata":        map[string]any{"name": strconv.FormatInt(id, 10), "labels": map[string]any{ofPod: labels[source+ofPod]}},
		"security-labels": values(labels),
	})
}

// endpointObject is the CiliumEndpoint of a pod on a node with that address.
func endpointObject(pod *corev1.Pod, node netip.Addr, id int64, labels map[string]string) *unstructured.Unstructured {
	var list, ports []any
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, k+"="+labels[k])
	}
	for _, p := range namedPorts(pod) {
		ports = append(ports, map[string]any{"name": p.Name, "port": int64(p.ContainerPort), "protocol": string(p.Protocol)})
	}
	pair := map[string]any{}
	for _, ip := range pod.Status.PodIPs {
		if strings.Contains(ip.IP, ":") {
			pair["ipv6"] = ip.IP
		} else {
			pair["ipv4"] = ip.IP
		}
	}
	status := map[string]any{
		"id": id, "state": "ready",
		"identity":   map[string]any{"id": id, "labels": list},
		"networking": map[string]any{"addressing": []any{pair}, "node": node.String()},
	}
	if len(ports) > 0 {
		status["named-ports"] = ports
	}
	return object("CiliumEndpoint", map[string]any{
		"metadata": map[string]any{"namespace": pod.Namespace, "name": pod.Name},
		"status":   status,
	})
}

func object(kind string, fields map[string]any) *unstructured.Unstructured {
	fields["apiVersion"], fields["kind"] = "cilium.io/v2", kind
	return &unstructured.Unstructured{Object: fields}
}

func values(labels map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range labels {
		out[k] = v
	}
	return out
}
