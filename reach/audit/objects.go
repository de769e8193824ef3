package audit

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/reach/shadow"
	"github.com/netassay/netassay/suites/fixture"
)

// labelled are labels with the run's own.
func labelled(id string, labels map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, labels)
	out[fixture.RunLabel] = id
	return out
}

func namespaceObject(id string, n shadow.Namespace) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: labelled(id, n.Labels)}}
}

// podObject conforms to the restricted standard, whatever the namespace asks for.
func podObject(o fixture.Run, p *shadow.Pod) *corev1.Pod {
	o.Restricted = true
	pod := o.ProberPod(p.Namespace, p.Name, p.Node, nil)
	pod.Labels = labelled(o.ID, p.Labels) // and none of a prober's own, which policies could select by
	c := &pod.Spec.Containers[0]
	for _, port := range p.Ports {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: port.Name, ContainerPort: int32(port.Number), Protocol: port.Protocol})
	}
	return pod
}

func policyObject(id string, p *netv1.NetworkPolicy) *netv1.NetworkPolicy {
	out := p.DeepCopy()
	out.Labels = labelled(id, nil)
	return out
}

// listen is what a pod's prober listens on, as its flag takes it.
func listen(p *shadow.Pod) string {
	var all []string
	for _, port := range p.Listen {
		all = append(all, strings.ToLower(port.String()))
	}
	return strings.Join(all, ",")
}
