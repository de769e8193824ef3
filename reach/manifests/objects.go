package manifests

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/internal/strictyaml"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// object reads what policies can see of one object; what they can't is counted.
func (r *reader) object(d *strictyaml.Document, apiVersion, kind string) error {
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group = ""
	}
	switch group + "/" + kind {
	case "networking.k8s.io/NetworkPolicy":
		return r.policy(d, apiVersion)
	case "extensions/NetworkPolicy":
		return d.ErrorOn(d.At("apiVersion"), "no API server takes apiVersion %s any more: write networking.k8s.io/v1", apiVersion)
	case "/Namespace":
		return r.namespaced(d)
	case "/Node":
		return r.node(d)
	case "/Pod":
		return r.pod(d)
	case "/Service":
		return r.service(d)
	}
	if w, ok := workloads()[group+"/"+kind]; ok {
		return r.workload(d, kind, w)
	}
	r.builder.Ignore(apiVersion, kind)
	return nil
}

// partial decodes what into has fields for.
func partial(d *strictyaml.Document, into any) error {
	d.Partial = true
	return d.Decode(into)
}

// place is where an object stands, for messages.
func place(d *strictyaml.Document) string { return fmt.Sprintf("%s:%d", d.File, d.Root.Line) }

// meta is what policies can see of an object's metadata.
type meta struct {
	Name         string            `json:"name"`
	GenerateName string            `json:"generateName"`
	Namespace    string            `json:"namespace"`
	Labels       map[string]string `json:"labels"`
}

// within gives an object that names no namespace the one that kubectl would give it.
func (r *reader) within(d *strictyaml.Document, m *meta) error {
	if m.Name == "" {
		m.Name = strings.TrimSuffix(m.GenerateName, "-")
	}
	if m.Name == "" {
		return d.ErrorOn(d.At("metadata"), "metadata.name is missing: give it one")
	}
	if m.Namespace == "" {
		m.Namespace = r.namespace
	}
	return nil
}

func (r *reader) policy(d *strictyaml.Document, apiVersion string) error {
	if apiVersion != netv1.SchemeGroupVersion.String() {
		return d.ErrorOn(d.At("apiVersion"), "NetworkPolicy has no version %s: write networking.k8s.io/v1", apiVersion)
	}
	var read statusful
	if err := d.Decode(&read); err != nil {
		return err
	}
	p := &read.NetworkPolicy
	m := meta{Name: p.Name, Namespace: p.Namespace}
	if err := r.within(d, &m); err != nil {
		return err
	}
	if err := valid(d, p); err != nil {
		return err
	}
	kept := &netv1.NetworkPolicy{Spec: p.Spec}
	kept.Name, kept.Namespace, kept.Labels = m.Name, m.Namespace, p.Labels
	return r.builder.Policy(place(d), kept)
}

// statusful takes the field that the API had once, and that clusters of its time still print.
type statusful struct {
	netv1.NetworkPolicy `json:",inline"`
	Status              map[string]any `json:"status,omitempty"`
}

func (r *reader) namespaced(d *strictyaml.Document) error {
	var o struct {
		Metadata meta `json:"metadata"`
	}
	if err := partial(d, &o); err != nil {
		return err
	}
	if err := r.within(d, &o.Metadata); err != nil {
		return err
	}
	return r.builder.Namespace(place(d), model.Namespace{Name: o.Metadata.Name, Labels: o.Metadata.Labels})
}

func (r *reader) node(d *strictyaml.Document) error {
	var o struct {
		Metadata meta `json:"metadata"`
		Spec     struct {
			PodCIDRs []string `json:"podCIDRs"`
		} `json:"spec"`
		Status struct {
			Addresses []corev1.NodeAddress `json:"addresses"`
		} `json:"status"`
	}
	if err := partial(d, &o); err != nil {
		return err
	}
	if err := r.within(d, &o.Metadata); err != nil {
		return err
	}
	n := corev1.Node{Spec: corev1.NodeSpec{PodCIDRs: o.Spec.PodCIDRs}, Status: corev1.NodeStatus{Addresses: o.Status.Addresses}}
	n.Name = o.Metadata.Name
	return r.builder.Node(place(d), model.NodeFromAPI(&n))
}

func (r *reader) service(d *strictyaml.Document) error {
	var o struct {
		Metadata meta                 `json:"metadata"`
		Spec     corev1.ServiceSpec   `json:"spec"`
		Status   corev1.ServiceStatus `json:"status"`
	}
	if err := partial(d, &o); err != nil {
		return err
	}
	if err := r.within(d, &o.Metadata); err != nil {
		return err
	}
	s := corev1.Service{Spec: o.Spec, Status: o.Status}
	s.Name, s.Namespace = o.Metadata.Name, o.Metadata.Namespace
	return r.builder.Service(place(d), inventory.ServiceFromAPI(&s))
}
