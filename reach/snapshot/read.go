package snapshot

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// mostBytes bounds what a file may unpack to, and mostPods whom it may hold: far beyond any
// cluster, and short of what a damaged file could ask for.
const (
	mostBytes = 1 << 30
	mostPods  = 1_000_000
)

// Read reads what Write wrote; name is how errors call it. Members of a class beyond its examples
// get names that no pod can have, "web-1~7".
func Read(name string, r io.Reader) (*inventory.Inventory, Header, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, Header{}, fmt.Errorf("%s is no snapshot: it is not gzip: give what netassay snapshot wrote, or manifests by -f", name)
	}
	data, err := io.ReadAll(io.LimitReader(z, mostBytes))
	if err != nil {
		return nil, Header{}, fmt.Errorf("%s is damaged: %w: take the snapshot again", name, err)
	}
	var h Header
	if err := json.Unmarshal(data, &h); err != nil || h.Kind != Kind {
		return nil, h, fmt.Errorf("%s is no snapshot: kind is %q and not %s: give what netassay snapshot wrote", name, h.Kind, Kind)
	}
	if h.Version < 1 || h.Version > Version {
		return nil, h, fmt.Errorf("%s is a snapshot of version %d, and this netassay reads versions up to %d: use a newer netassay", name, h.Version, Version)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, h, fmt.Errorf("%s is damaged: %w: take the snapshot again", name, err)
	}
	v, err := f.inventory()
	if err != nil {
		return nil, h, fmt.Errorf("%s is damaged: %w: take the snapshot again", name, err)
	}
	return v, h, nil
}

func (f *file) inventory() (*inventory.Inventory, error) {
	var b inventory.Builder
	var errs []error
	const origin = "the snapshot"
	for _, n := range f.Namespaces {
		errs = append(errs, b.Namespace(origin, model.Namespace(n)))
	}
	for _, n := range f.Nodes {
		errs = append(errs, b.Node(origin, model.Node(n)))
	}
	left := mostPods
	for i := range f.Classes {
		if left -= f.Classes[i].Count; left < 0 {
			return nil, fmt.Errorf("it has more than %d pods", mostPods)
		}
		errs = append(errs, f.pods(&b, &f.Classes[i]))
	}
	for _, p := range f.Policies {
		kept := &netv1.NetworkPolicy{Spec: p.Spec}
		kept.Namespace, kept.Name = p.Namespace, p.Name
		errs = append(errs, b.Policy(origin, kept))
	}
	for i := range f.Services {
		errs = append(errs, b.Service(origin, f.Services[i].service()))
	}
	if err := errors.Join(errs...); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(first)
	}
	v := b.Done()
	v.Ignored, v.Foreign = f.Ignored, f.Foreign
	return v, nil
}

// pods adds the members of a class.
func (f *file) pods(b *inventory.Builder, c *class) error {
	if c.Count < 1 || c.Count != len(c.Nodes) || c.Count != len(c.IPs) || len(c.Examples) < 1 || len(c.Examples) > c.Count {
		return fmt.Errorf("a class of namespace %s has %d pods, %d nodes, %d addresses and %d names", c.Namespace, c.Count, len(c.Nodes), len(c.IPs), len(c.Examples))
	}
	like := model.Pod{Namespace: c.Namespace, Labels: c.Labels, HostNetwork: c.HostNetwork}
	for _, p := range c.Ports {
		like.Ports = append(like.Ports, model.Port(p))
	}
	for i := range c.Count {
		p := like
		p.Name = fmt.Sprintf("%s~%d", c.Examples[0], i+1)
		if i < len(c.Examples) {
			p.Name = c.Examples[i]
		}
		switch at := c.Nodes[i]; {
		case at >= len(f.Nodes) || at < -1:
			return fmt.Errorf("pod %s is on node %d of %d", p.Key(), at, len(f.Nodes))
		case at >= 0:
			p.Node = f.Nodes[at].Name
		}
		for _, text := range strings.Fields(c.IPs[i]) {
			ip, err := netip.ParseAddr(text)
			if err != nil {
				return fmt.Errorf("pod %s: %w", p.Key(), err)
			}
			p.IPs = append(p.IPs, ip)
		}
		if err := b.Pod("the snapshot", p); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) service() inventory.Service {
	out := inventory.Service{
		Namespace: s.Namespace, Name: s.Name, Type: s.Type, Selector: s.Selector,
		ClusterIPs: s.ClusterIPs, ExternalIPs: s.ExternalIPs,
		ExternalTrafficPolicy: s.ExternalTrafficPolicy, SourceRanges: s.SourceRanges,
	}
	for _, p := range s.Ports {
		out.Ports = append(out.Ports, inventory.ServicePort(p))
	}
	return out
}
