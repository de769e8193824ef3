package snapshot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// Redact is an inventory without its people's words: names of namespaces, nodes, pods, policies,
// Services and ports, and the values of labels, are each replaced by a word made of it and the
// key, everywhere the same. What was equal is equal, so every verdict stays. Labels' keys,
// addresses and ports stay as they are, and so does what every cluster has, such as kube-system.
func Redact(v *inventory.Inventory, key []byte) *inventory.Inventory {
	r := redactor{key: key, known: map[string]string{}}
	out := &inventory.Inventory{Ignored: v.Ignored, Foreign: v.Foreign}
	for _, n := range v.Namespaces {
		out.Namespaces = append(out.Namespaces, model.Namespace{Name: r.word(n.Name), Labels: r.labels(n.Labels)})
	}
	for _, n := range v.Nodes {
		n.Name = r.word(n.Name)
		out.Nodes = append(out.Nodes, n)
	}
	for i := range v.Pods {
		p := v.Pods[i]
		p.UID, p.Namespace, p.Name, p.Node = "", r.word(p.Namespace), r.word(p.Name), r.word(p.Node)
		p.Labels, p.Ports = r.labels(p.Labels), slices.Clone(p.Ports)
		for j := range p.Ports {
			p.Ports[j].Name = r.word(p.Ports[j].Name)
		}
		out.Pods = append(out.Pods, p)
	}
	for _, p := range v.Policies {
		hidden := &netv1.NetworkPolicy{Spec: r.spec(&p.Spec)}
		hidden.Namespace, hidden.Name = r.word(p.Namespace), r.word(p.Name)
		out.Policies = append(out.Policies, hidden)
	}
	for i := range v.Services {
		out.Services = append(out.Services, r.service(v.Services[i]))
	}
	out.Sort()
	return out
}

type redactor struct {
	key   []byte
	known map[string]string
}

// everywhere are words that every cluster has.
func everywhere() []string {
	return []string{
		"", "default", "kube-system", "kube-public", "kube-node-lease", "kube-dns", "true", "false",
		"http", "https", "dns", "dns-tcp", "metrics", "grpc", "web",
	}
}

// word is what stands for a word: 48 bits of it, as a name that may stand wherever one may.
func (r *redactor) word(s string) string {
	if slices.Contains(everywhere(), s) {
		return s
	}
	hidden, ok := r.known[s]
	if !ok {
		mac := hmac.New(sha256.New, r.key)
		mac.Write([]byte(s)) // a hash takes all
		hidden = "x" + hex.EncodeToString(mac.Sum(nil)[:6])
		r.known[s] = hidden
	}
	return hidden
}

func (r *redactor) labels(labels map[string]string) map[string]string {
	if labels == nil {
		return nil
	}
	out := make(map[string]string, len(labels))
	for k, v := range labels {
		out[k] = r.word(v)
	}
	return out
}

func (r *redactor) spec(spec *netv1.NetworkPolicySpec) netv1.NetworkPolicySpec {
	out := *spec.DeepCopy()
	for _, s := range inventory.Selectors(&out) {
		r.selector(s)
	}
	for i := range out.Ingress {
		r.ports(out.Ingress[i].Ports)
	}
	for i := range out.Egress {
		r.ports(out.Egress[i].Ports)
	}
	return out
}

func (r *redactor) selector(s *metav1.LabelSelector) {
	s.MatchLabels = r.labels(s.MatchLabels)
	for i := range s.MatchExpressions {
		for j, v := range s.MatchExpressions[i].Values {
			s.MatchExpressions[i].Values[j] = r.word(v)
		}
	}
}

func (r *redactor) ports(ports []netv1.NetworkPolicyPort) {
	for i := range ports {
		if p := ports[i].Port; p != nil && p.Type == intstr.String {
			p.StrVal = r.word(p.StrVal)
		}
	}
}

func (r *redactor) service(s inventory.Service) inventory.Service {
	s.Namespace, s.Name, s.Selector = r.word(s.Namespace), r.word(s.Name), r.labels(s.Selector)
	s.Ports = slices.Clone(s.Ports)
	for i := range s.Ports {
		p := &s.Ports[i]
		p.Name = r.word(p.Name)
		if p.Target.Type == intstr.String {
			p.Target.StrVal = r.word(p.Target.StrVal)
		}
	}
	return s
}
