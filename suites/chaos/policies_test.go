package chaos

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// newFakePolicies writes to a fake API server, which keeps what it was asked.
func newFakePolicies(t *testing.T) (*policies, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset()
	p := newPolicies(client.NetworkingV1().NetworkPolicies("chaos-nft"), 4, netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("fd00::7"))
	if err := p.create(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, client
}

// asked are the verbs and names of writes, in order.
func asked(client *fake.Clientset) []string {
	var out []string
	for _, a := range client.Actions() {
		switch a := a.(type) {
		case clienttesting.CreateAction: // an update is one by its methods
			out = append(out, a.GetVerb()+" "+a.GetObject().(*netv1.NetworkPolicy).Name)
		case clienttesting.DeleteAction:
			out = append(out, a.GetVerb()+" "+a.GetName())
		}
	}
	return out
}

// The versions take turns; the clients that must pass are in both.
func TestEdit(t *testing.T) {
	p, client := newFakePolicies(t)
	var versions [][]string
	for range 4 {
		got, err := client.Tracker().Get(netv1.SchemeGroupVersion.WithResource("networkpolicies"), "chaos-nft", large)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, peer := range got.(*netv1.NetworkPolicy).Spec.Ingress[0].From {
			list = append(list, peer.IPBlock.CIDR)
		}
		versions = append(versions, list)
		if err := p.edit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := []string{"11.0.0.0/25", "2001:db8:a00::/64", "11.0.1.0/25", "2001:db8:a00:100::/64", "10.0.0.7/32", "fd00::7/128"}
	second := []string{"12.0.0.0/25", "2001:db8:b00::/64", "12.0.1.0/25", "2001:db8:b00:100::/64", "10.0.0.7/32", "fd00::7/128"}
	if diff := cmp.Diff([][]string{first, second, first, second}, versions); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := p.edits.Load(); n != 4 {
		t.Errorf("%d edits counted, want 4", n)
	}
}

// Edits go on while something is done, and no longer; an edit that fails is told.
func TestEditing(t *testing.T) {
	p, client := newFakePolicies(t)
	pace := rand.New(rand.NewPCG(1, 1))
	err := p.editing(t.Context(), pace, func(ctx context.Context) error {
		for ctx.Err() == nil && p.edits.Load() < 2 {
			if err := pausing(poll)(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if n := len(asked(client)) - 1; err != nil || n < 2 || n != int(p.edits.Load()) {
		t.Errorf("%v, %d edits made, %d counted", err, n, p.edits.Load())
	}
	p.versions[0].Name, p.versions[1].Name = "gone", "gone"
	if err := p.editing(t.Context(), pace, pausing(80*poll)); err == nil {
		t.Error("edits of a policy that is gone succeed")
	}
}

// The versions of the large policy share no CIDR, none can be merged with another, and
// none holds an address of the lab: it would decide a flow's verdict.
func TestCIDRs(t *testing.T) {
	const n = 20_000
	seen := map[netip.Prefix]bool{}
	for _, v := range []int{0, 1} {
		for _, peer := range cidrs(v, n) {
			p := netip.MustParsePrefix(peer.IPBlock.CIDR)
			if p != p.Masked() || seen[p] || seen[sibling(p)] {
				t.Fatalf("%s can be merged or is there twice", p)
			}
			seen[p] = true
			for _, used := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "13.0.0.0/8", "fd00::/8", "fe80::/10"} {
				if netip.MustParsePrefix(used).Overlaps(p) {
					t.Fatalf("%s overlaps %s", p, used)
				}
			}
		}
	}
	if len(seen) != 2*n {
		t.Errorf("%d CIDRs, want %d", len(seen), 2*n)
	}
}

// sibling is the other half of the prefix one bit shorter.
func sibling(p netip.Prefix) netip.Prefix {
	bytes := p.Addr().AsSlice()
	bit := p.Bits() - 1
	bytes[bit/8] ^= 0x80 >> (bit % 8)
	a, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(a, p.Bits())
}
