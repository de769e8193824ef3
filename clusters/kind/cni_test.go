package kind

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/model"
)

func node(name string, cidrs, ips []string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{PodCIDRs: cidrs}}
	n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: name})
	for _, ip := range ips {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip})
	}
	return n
}

func mustPlace(t *testing.T, n *corev1.Node) model.Node {
	t.Helper()
	p := model.NodeFromAPI(n)
	if !placed(p) {
		t.Fatalf("node %s has no place", n.Name)
	}
	return p
}

func TestNetworkScript(t *testing.T) {
	a := mustPlace(t, node("a", []string{"10.244.0.0/24", "fd00:10:244::/64"}, []string{"172.20.0.2", "fd12::2"}))
	b := mustPlace(t, node("b", []string{"10.244.1.0/24", "fd00:10:244:1::/64"}, []string{"172.20.0.3", "fd12::3"}))
	services, err := prefixes("10.96.0.0/16, fd00:10:96::/112")
	if err != nil {
		t.Fatal(err)
	}
	got, err := networkScript(a, []model.Node{a, b}, services)
	if err != nil {
		t.Fatal(err)
	}
	want := `set -eu
mkdir -p /run/netassay-cni
ip -4 route replace 10.244.1.0/24 via 172.20.0.3
ip -6 route replace fd00:10:244:1::/64 via fd12::3
ip -4 route replace 10.96.0.0/16 dev eth0
ip -6 route replace fd00:10:96::/112 dev eth0
mkdir -p /etc/cni/net.d
cat >/etc/cni/net.d/10-netassay.conflist.new <<'END'
{
  "cniVersion": "1.0.0",
  "name": "netassay",
  "plugins": [
    {
      "ipMasq": false,
      "ipam": {
        "dataDir": "/run/netassay-cni",
        "ranges": [
          [
            {
              "subnet": "10.244.0.0/24"
            }
          ],
          [
            {
              "subnet": "fd00:10:244::/64"
            }
          ]
        ],
        "routes": [
          {
            "dst": "0.0.0.0/0"
          },
          {
            "dst": "::/0"
          }
        ],
        "type": "host-local"
      },
      "type": "ptp"
    },
    {
      "capabilities": {
        "portMappings": true
      },
      "type": "portmap"
    }
  ]
}
END
mv /etc/cni/net.d/10-netassay.conflist.new /etc/cni/net.d/10-netassay.conflist
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRoutesNeedAnAddressOfTheFamily(t *testing.T) {
	all := []model.Node{
		{Name: "a"},
		{Name: "b", PodCIDRs: []netip.Prefix{netip.MustParsePrefix("fd00::/64")}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
	}
	if got, err := routesOf("a", all, nil); err == nil {
		t.Errorf("routes %q, want an error", got)
	}
}

func TestPlaced(t *testing.T) {
	for _, tc := range []struct {
		name string
		node *corev1.Node
		ok   bool
		want []model.Family
	}{
		{"dual", node("n", []string{"10.0.0.0/24", "fd00::/64"}, []string{"1.1.1.1", "fd01::1"}), true, []model.Family{model.IPv4, model.IPv6}},
		{"ipv6 first", node("n", []string{"fd00::/64", "10.0.0.0/24"}, []string{"1.1.1.1", "fd01::1"}), true, []model.Family{model.IPv6, model.IPv4}},
		{"ipv6 only", node("n", []string{"fd00::/64"}, []string{"fd01::1"}), true, []model.Family{model.IPv6}},
		{"no podCIDR yet", node("n", nil, []string{"1.1.1.1"}), false, nil},
		{"second address is late", node("n", []string{"10.0.0.0/24", "fd00::/64"}, []string{"1.1.1.1"}), false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := model.NodeFromAPI(tc.node)
			ok := placed(p)
			if ok != tc.ok {
				t.Fatalf("ok %v, want %v", ok, tc.ok)
			}
			if !ok {
				return
			}
			if diff := cmp.Diff(tc.want, familiesOf(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"netassay-3f2a":                  true,
		"netassay-" + randomID():         true,
		"netassay":                       false,
		"netassay-":                      false,
		"netassay-A":                     false,
		"kind":                           false,
		"my-netassay-3f2a":               false,
		"netassay-3f2a-worker":           false,
		"netassay-3f2a\nkind":            false,
		"netassay-$(reboot)":             false,
		"netassay-123456789012345678901": false,
	} {
		if got := isOurs(name); got != want {
			t.Errorf("isOurs(%q) = %v, want %v", name, got, want)
		}
	}
	if name, err := clusterName("a b"); err == nil {
		t.Errorf("clusterName gave %q, want an error", name)
	}
}

func TestSubnet6(t *testing.T) {
	a, b := subnet6("netassay-a"), subnet6("netassay-b")
	if a == b || a != subnet6("netassay-a") {
		t.Errorf("subnets %s and %s must differ by name and by nothing else", a, b)
	}
	if !a.Addr().IsPrivate() || a != a.Masked() {
		t.Errorf("subnet %s is not a unique local prefix", a)
	}
}
