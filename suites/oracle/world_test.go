package oracle_test

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/model"
)

// The world of the tables: namespaces x, y and z with pods a and b, dual-stack, on nodes
// n1 and n2; a host network pod on n1 that looks like z/a; and an outside address.
const (
	xa, xb, ya, yb, za = "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.2.4", "10.0.2.5"
	xa6, yb6           = "fd00::1:1", "fd00::2:4"
	n1, n2             = "192.168.0.1", "192.168.0.2"
	n16                = "fd00:a::1"
	outside            = "203.0.113.9"
)

func world() model.Snapshot {
	ips := func(s ...string) []netip.Addr {
		var out []netip.Addr
		for _, a := range s {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	ports := func(web uint16) []model.Port {
		return []model.Port{{Name: "web", Number: web, Protocol: corev1.ProtocolTCP}, {Name: "dns", Number: 53, Protocol: corev1.ProtocolUDP}}
	}
	pod := func(ns, name, node string, web uint16, addrs ...string) model.Pod {
		return model.Pod{Namespace: ns, Name: name, Labels: map[string]string{"pod": name}, Node: node, IPs: ips(addrs...), Ports: ports(web)}
	}
	host := pod("z", "host", "n1", 80, n1, n16)
	host.HostNetwork, host.Labels = true, map[string]string{"pod": "a"}
	return model.Snapshot{
		Nodes: []model.Node{{Name: "n1", IPs: ips(n1, n16)}, {Name: "n2", IPs: ips(n2)}},
		Namespaces: []model.Namespace{
			{Name: "x", Labels: map[string]string{"ns": "x"}},
			{Name: "y", Labels: map[string]string{"ns": "y", "team": "red"}},
			{Name: "z", Labels: map[string]string{"ns": "z"}},
		},
		Pods: []model.Pod{
			pod("x", "a", "n1", 80, xa, xa6), pod("x", "b", "n1", 80, xb, "fd00::1:2"),
			pod("y", "a", "n1", 81, ya, "fd00::1:3"), pod("y", "b", "n2", 80, yb, yb6),
			pod("z", "a", "n2", 80, za, "fd00::2:5"), host,
		},
	}
}

// policy reads the spec of a policy x/p, or NS/NAME when given.
func policy(t testing.TB, spec string, key ...string) *netv1.NetworkPolicy {
	t.Helper()
	p := &netv1.NetworkPolicy{}
	p.Namespace, p.Name = "x", "p"
	if len(key) == 2 {
		p.Namespace, p.Name = key[0], key[1]
	}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

func flow(client, server string, protocol corev1.Protocol, port uint16) model.Flow {
	return model.Flow{Client: netip.MustParseAddr(client), Server: netip.MustParseAddr(server), Protocol: protocol, Port: port}
}
