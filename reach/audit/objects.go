package audit

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/probe/podspec"
	"github.com/netassay/netassay/reach/shadow"
	"github.com/netassay/netassay/suites/fixture"
)

// Objects is what all objects of a run have in common.
type Objects struct {
	Image      func(string) string // "probe" to the image's name
	PullSecret []byte              // nil: none needed
}

// labelled are labels with the run's own.
func labelled(id string, labels map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, labels)
	out[fixture.RunLabel] = id
	return out
}

func (o Objects) namespace(id string, n shadow.Namespace) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: labelled(id, n.Labels)}}
}

// pod conforms to the restricted standard, whatever the namespace asks for.
func (o Objects) pod(id string, p *shadow.Pod) *corev1.Pod {
	pod := podspec.Pod(p.Namespace, p.Name, p.Node, o.Image("probe"), nil)
	pod.Labels = labelled(id, p.Labels) // and none of a prober's own, which policies could select by
	podspec.Stay(pod, o.PullSecret != nil)
	pod.Spec.SecurityContext = podspec.RestrictedPod()
	c := &pod.Spec.Containers[0]
	c.SecurityContext = podspec.RestrictedContainer()
	for _, port := range p.Ports {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: port.Name, ContainerPort: int32(port.Number), Protocol: port.Protocol})
	}
	return pod
}

func (o Objects) policy(id string, p *netv1.NetworkPolicy) *netv1.NetworkPolicy {
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
