package snapshot

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/netassay/netassay/reach/inventory"
)

// mostExamples is how many names of a class are kept.
const mostExamples = 3

// Write writes an inventory. The same one gives the same bytes.
func Write(w io.Writer, v *inventory.Inventory, h Header) error {
	h.Kind, h.Version = Kind, Version
	f := file{Header: h, Ignored: v.Ignored, Foreign: v.Foreign}
	for _, n := range v.Namespaces {
		f.Namespaces = append(f.Namespaces, namespace{n.Name, n.Labels})
	}
	for _, n := range v.Nodes {
		f.Nodes = append(f.Nodes, node{n.Name, n.IPs, n.PodCIDRs})
	}
	f.Classes = classes(v)
	for _, p := range v.Policies {
		f.Policies = append(f.Policies, policy{p.Namespace, p.Name, p.Spec})
	}
	for i := range v.Services {
		f.Services = append(f.Services, serviceOf(&v.Services[i]))
	}
	z, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // a level that there is
	if err := json.NewEncoder(z).Encode(&f); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

func classes(v *inventory.Inventory) []class {
	index := map[string]int{}
	for i := range v.Nodes {
		index[v.Nodes[i].Name] = i
	}
	var out []class
	for _, c := range v.Classes(nil) {
		k := class{Namespace: c.Pod.Namespace, Labels: c.Pod.Labels, HostNetwork: c.Pod.HostNetwork, Count: len(c.Members)}
		if k.Count == 1 { // which has its own labels for itself
			k.Labels = v.Pods[c.Members[0]].Labels
		}
		for _, p := range c.Pod.Ports {
			k.Ports = append(k.Ports, port{p.Name, p.Number, p.Protocol})
		}
		for _, m := range c.Members {
			p := &v.Pods[m]
			if len(k.Examples) < mostExamples {
				k.Examples = append(k.Examples, p.Name)
			}
			at, ok := index[p.Node]
			if !ok {
				at = -1
			}
			texts := make([]string, len(p.IPs))
			for i, ip := range p.IPs {
				texts[i] = ip.String()
			}
			k.Nodes, k.IPs = append(k.Nodes, at), append(k.IPs, strings.Join(texts, " "))
		}
		out = append(out, k)
	}
	return out
}

func serviceOf(s *inventory.Service) service {
	out := service{
		Namespace: s.Namespace, Name: s.Name, Type: s.Type, Selector: s.Selector,
		ClusterIPs: s.ClusterIPs, ExternalIPs: s.ExternalIPs,
		ExternalTrafficPolicy: s.ExternalTrafficPolicy, SourceRanges: s.SourceRanges,
	}
	for _, p := range s.Ports {
		out.Ports = append(out.Ports, servicePort(p))
	}
	return out
}
