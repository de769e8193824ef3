package matrix

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/inventory"
)

// small is a cluster of few words.
func small() *inventory.Inventory {
	pod := func(name, app string, last byte) model.Pod {
		return model.Pod{Namespace: "shop", Name: name, Labels: map[string]string{"app": app}, Node: "n1", IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, last})}}
	}
	v := &inventory.Inventory{Snapshot: model.Snapshot{
		Namespaces: []model.Namespace{{Name: "shop"}},
		Nodes:      []model.Node{{Name: "n1", IPs: []netip.Addr{netip.MustParseAddr("172.16.0.1")}}},
		Pods:       []model.Pod{pod("web-6d4cf56db6-x2b9k", "web", 1), pod("web-6d4cf56db6-z2b9k", "web", 2), pod("my-db-0", "db", 3), pod("my-db-1", "db", 4), pod("one-0", "one", 5)},
	}}
	host := pod("log-x2b9k", "log", 0)
	host.HostNetwork = true
	v.Pods = append(v.Pods, host)
	p := &netv1.NetworkPolicy{Spec: netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{
		{IPBlock: &netv1.IPBlock{CIDR: "203.0.113.0/24", Except: []string{"203.0.113.8/29"}}},
	}}}}}
	p.Namespace, p.Name = "shop", "p"
	v.Policies = append(v.Policies, p)
	return v
}

func TestNamed(t *testing.T) {
	m := Of(small(), Options{})
	for _, tc := range []struct {
		text string
		want []string
	}{
		{"shop/web", []string{"shop/web"}},
		{"web", []string{"shop/web"}},
		{"shop/web-6d4cf56db6-z2b9k", []string{"shop/web"}},
		{"shop/app=db", []string{"shop/my-db"}},
		{"one", []string{"shop/one-0"}},
		{"shop/", []string{"shop/my-db", "shop/one-0", "shop/web"}},
		{"10.0.0.4", []string{"shop/my-db"}},
		{"172.16.0.1", []string{"nodes"}},
		{"203.0.113.9", []string{"203.0.113.8/29"}},
		{"203.0.113.200", []string{"203.0.113.0/24"}},
		{"8.8.8.8", []string{"0.0.0.0/0"}},
		{"203.0.113.0/24", []string{"203.0.113.0/24"}},
		{"world", []string{"0.0.0.0/0", "203.0.113.0/24", "203.0.113.8/29"}},
		{"nodes", []string{"nodes"}},
		{"own node", []string{"own node"}},
	} {
		found, err := m.Named(tc.text, "shop")
		var names []string
		for _, i := range found {
			names = append(names, m.Classes[i].Name)
		}
		if diff := cmp.Diff(tc.want, names); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", tc.text, err, diff)
		}
	}
	for _, tc := range []struct{ text, want string }{
		{"shop/wbe", `unknown pod or workload "shop/wbe": did you mean shop/web?`},
		{"shpo/web", `unknown namespace with pods "shpo": did you mean shop?`},
		{"shop/app=none", "no pod of namespace shop has the labels app=none"},
		{"shop/log-x2b9k", "shop/log-x2b9k is on the host network, where no policy selects it: name nodes"},
		{"203.0.113.0/25", "no ipBlock tells 203.0.113.0/25 apart: name one address of it"},
		{"2001:db8::1", "nothing here has an address of the family of 2001:db8::1"},
	} {
		if found, err := m.Named(tc.text, "shop"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, %v, want %s", tc.text, found, err, tc.want)
		}
	}
}

func TestFlowsSay(t *testing.T) {
	m := Of(small(), Options{})
	at := func(name string) int {
		found, err := m.Named(name, "shop")
		if err != nil {
			t.Fatal(err)
		}
		return found[0]
	}
	for _, tc := range []struct {
		from, to string
		want     model.Verdict
	}{
		{"web", "my-db", model.Deny}, {"203.0.113.0/24", "web", model.Allow}, {"203.0.113.8/29", "web", model.Deny}, {"own node", "web", model.Allow}, {"nodes", "web", model.Deny},
	} {
		if got := m.Flows(at(tc.from), at(tc.to), model.IPv4); !got.All(tc.want) || got.String() != "TCP, UDP, SCTP" {
			t.Errorf("%s to %s: %+v, want %s", tc.from, tc.to, got, tc.want)
		}
	}
	if got := m.Flows(at("one"), at("one"), model.IPv4); got != nil {
		t.Errorf("a pod to itself: %+v", got)
	}
}
