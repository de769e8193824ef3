package watch

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/netassay/netassay/model"
)

// pod is what client-go is told that a v1 Pod is: the record, and what a reflector needs
// beside it. The embedded interface is nil; it stands for the methods of metav1.Object
// that nobody calls.
type pod struct {
	metav1.Object

	record     model.Pod
	terminal   bool
	version    string
	initialEnd bool // the bookmark that ends a streamed list
}

// Reset and Unmarshal make pod a protobuf message to the codec of apimachinery.
func (p *pod) Reset() { *p = pod{} }

// GetObjectKind and DeepCopyObject make pod a runtime.Object.
func (p *pod) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject copies what may be changed later; maps and slices here never are.
func (p *pod) DeepCopyObject() runtime.Object {
	c := *p
	return &c
}

// GetName and the following are the parts of metav1.Object that reflectors use.
func (p *pod) GetName() string { return p.record.Name }

// GetNamespace is the pod's namespace.
func (p *pod) GetNamespace() string { return p.record.Namespace }

// GetResourceVersion is where a watch goes on after this event.
func (p *pod) GetResourceVersion() string { return p.version }

// GetAnnotations has the one annotation that reflectors look for.
func (p *pod) GetAnnotations() map[string]string {
	if !p.initialEnd {
		return nil
	}
	return map[string]string{metav1.InitialEventsAnnotationKey: "true"}
}

// podList is what client-go is told that a v1 PodList is.
type podList struct {
	metav1.ListMeta
	Items []pod
}

// Reset and Unmarshal make podList a protobuf message to the codec of apimachinery.
func (l *podList) Reset() { *l = podList{} }

// GetObjectKind and DeepCopyObject make podList a runtime.Object.
func (l *podList) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject copies the list, not its items' maps.
func (l *podList) DeepCopyObject() runtime.Object {
	return &podList{ListMeta: *l.ListMeta.DeepCopy(), Items: slices.Clone(l.Items)}
}
