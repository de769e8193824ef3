package load

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/scale/profile"
)

func parse(t *testing.T, line string) profile.Profile {
	t.Helper()
	p, err := profile.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const small = "nodes=2 pods=3 ns=2 local=2 policies=3 ports=4 selectors=2 types=in:1,out:1,both:1 " +
	"peers=pod:1,ns:1,ip:1 cidrs=6 except=0.5 overlap=0.5 dedupe=hostile families=dual seed=7"

// A load that changed its bytes is another load: figures from before can't be compared.
func TestSameLineSameBytes(t *testing.T) {
	o := Generate(parse(t, small))
	text, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/small.yaml", "# "+o.Profile.String()+"\n"+string(text))
}

func TestHeadlineHasItsSize(t *testing.T) {
	p := profile.Named()["headline"]
	o := Generate(p)
	if len(o.Namespaces) != 100 || len(o.Nodes) != 250 || len(o.Pods) != 20000 || len(o.Local) != 80 || len(o.Policies) != 1000 {
		t.Fatalf("%d namespaces, %d nodes, %d pods, %d local, %d policies", len(o.Namespaces), len(o.Nodes), len(o.Pods), len(o.Local), len(o.Policies))
	}
	kinds := [3]int{}
	perNode, ips, names := map[string]int{}, map[netip.Addr]bool{}, map[string]bool{}
	for i := range o.Policies {
		k, _ := classify(&o.Policies[i])
		kinds[k]++
	}
	for _, pod := range o.Pods {
		perNode[pod.Node]++
		names[pod.Namespace+"/"+pod.Name] = true
		for _, ip := range pod.IPs {
			ips[ip] = true
		}
	}
	if kinds != [3]int{600, 200, 200} {
		t.Errorf("kinds of peers: %v, want exactly 600, 200, 200", kinds)
	}
	if len(ips) != 40000 || len(names) != 20000 {
		t.Errorf("%d addresses and %d names, want 40000 and 20000: some are given twice", len(ips), len(names))
	}
	for n, pods := range perNode {
		if pods != 80 {
			t.Errorf("node %s has %d pods, want 80", n, pods)
		}
	}
}

func TestPodsAreInTheirNodesNetwork(t *testing.T) {
	for _, families := range []string{"ipv4", "ipv6", "dual"} {
		o := Generate(parse(t, "nodes=300 pods=900 policies=0 families="+families))
		nets := map[string][]netip.Prefix{}
		seen := map[string]bool{}
		for _, n := range o.Nodes {
			for _, c := range n.Spec.PodCIDRs {
				if seen[c] {
					t.Errorf("two nodes have %s", c)
				}
				seen[c] = true
				nets[n.Name] = append(nets[n.Name], netip.MustParsePrefix(c))
			}
		}
		for _, pod := range o.Pods {
			for i, ip := range pod.IPs {
				if !nets[pod.Node][i].Contains(ip) {
					t.Fatalf("%s: %s is not in %s", pod.Name, ip, nets[pod.Node][i])
				}
			}
		}
	}
}

// checkBlocks fails for blocks that no API server takes, or that are there twice.
func checkBlocks(t *testing.T, p *netv1.NetworkPolicy, seen map[string]string) {
	t.Helper()
	for _, b := range ipBlocks(p) {
		c, err := netip.ParsePrefix(b.CIDR)
		if err != nil || c != c.Masked() {
			t.Fatalf("%s: %s is no network: %v", p.Name, b.CIDR, err)
		}
		if other, ok := seen[b.CIDR]; ok {
			t.Fatalf("%s is in %s and in %s", b.CIDR, other, p.Name)
		}
		seen[b.CIDR] = p.Name
		excepts := map[string]bool{}
		for _, e := range b.Except {
			x, err := netip.ParsePrefix(e)
			if err != nil || x != x.Masked() || !c.Contains(x.Addr()) || x.Bits() <= c.Bits() || excepts[e] {
				t.Fatalf("%s: except %s is not strictly within %s, or is there twice", p.Name, e, b.CIDR)
			}
			excepts[e] = true
		}
	}
}

func TestBlocksAreWhatTheProfileSays(t *testing.T) {
	for _, line := range []string{
		"except=0 overlap=0 families=ipv4", "except=8 overlap=0 families=ipv6", "except=16 overlap=1 families=dual",
		"except=0.1 overlap=0.2 families=dual", "except=1 overlap=0.5 families=ipv4", "except=0 overlap=1 families=ipv6",
	} {
		t.Run(line, func(t *testing.T) {
			p := parse(t, "policies=10 peers=ip:1 cidrs=2000 dedupe=hostile nodes=1 pods=1 "+line)
			o := Generate(p)
			seen := map[string]string{}
			var blocks, excepts, inner, six int
			for i := range o.Policies {
				checkBlocks(t, &o.Policies[i], seen)
				own := ipBlocks(&o.Policies[i])
				blocks += len(own)
				parents := map[netip.Prefix]bool{}
				for _, b := range own {
					c := netip.MustParsePrefix(b.CIDR)
					excepts += len(b.Except)
					network := netip.PrefixFrom(c.Addr(), 24)
					if c.Addr().Is6() {
						six++
						network = netip.PrefixFrom(c.Addr(), 64)
					}
					if parents[network.Masked()] {
						inner++
					}
					parents[network.Masked()] = true
				}
			}
			if blocks != 20000 {
				t.Fatalf("%d blocks, want 20000", blocks)
			}
			near := func(what string, got, want, slack float64) {
				if got < want-slack || got > want+slack {
					t.Errorf("%s: %.3f, want %.3f", what, got, want)
				}
			}
			near("excepts per block", float64(excepts)/float64(blocks), p.Except, 0.02)
			overlap := p.Overlap
			if overlap == 1 {
				overlap = 16.0 / 17 // a network must be there to lie in
			}
			near("overlap", float64(inner)/float64(blocks), overlap, 0.03)
			near("IPv6", float64(six)/float64(blocks), map[model.Families]float64{model.Dual: 0.5, model.OnlyIPv6: 1}[p.Families], 0)
		})
	}
}

func TestFriendlyPoliciesShareTheirLists(t *testing.T) {
	count := func(dedupe string) int {
		o := Generate(parse(t, "policies=400 peers=ip:1 cidrs=10 nodes=1 pods=1 dedupe="+dedupe))
		lists := map[string]bool{}
		for i := range o.Policies {
			text := ""
			for _, b := range ipBlocks(&o.Policies[i]) {
				text += fmt.Sprintln(*b)
			}
			lists[text] = true
		}
		return len(lists)
	}
	if got := count("friendly"); got != friendlyLists {
		t.Errorf("friendly: %d different lists, want %d", got, friendlyLists)
	}
	if got := count("hostile"); got != 400 {
		t.Errorf("hostile: %d different lists, want 400", got)
	}
}

// The sizes of the issue fit into an object, and the one past the limit doesn't.
// objectLimit is what etcd takes in one request by default: 1.5 MiB. A larger policy can't be
// created; the API server must say so. It stores some hundred bytes more than Size says (times,
// managed fields), whatever the policy's size.
const objectLimit = 3 << 19

func TestObjectLimit(t *testing.T) {
	for _, n := range profile.Sizes() {
		o := Generate(profile.Named()[fmt.Sprintf("ipblock-%d", n)])
		for i := range o.Policies {
			if got := len(ipBlocks(&o.Policies[i])); got != n {
				t.Fatalf("%d blocks, want %d", got, n)
			}
			if o.Policies[i].Size() > objectLimit-4096 {
				t.Errorf("too large: %d bytes of %d blocks", o.Policies[i].Size(), n)
			}
		}
	}
	p := profile.Named()["ipblock-past-limit"]
	p.Policies = 1
	if o := Generate(p); o.Policies[0].Size() < objectLimit {
		t.Errorf("not past the limit: %d bytes", o.Policies[0].Size())
	}
}

func TestSeedsDiffer(t *testing.T) {
	p := parse(t, small)
	a := Generate(p)
	p.Seed++
	b := Generate(p)
	if cmp.Equal(a.Policies, b.Policies) {
		t.Error("two seeds give the same policies")
	}
}

func TestPortsFollowTheProfile(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 100} {
		o := Generate(parse(t, fmt.Sprintf("nodes=1 pods=1 policies=20 types=in:1 ports=%d", n)))
		for _, p := range o.Policies {
			got := p.Spec.Ingress[0].Ports
			seen := map[string]bool{}
			for _, port := range got {
				key := fmt.Sprint(*port.Protocol, port.Port)
				if seen[key] || port.EndPort != nil && (*port.EndPort < port.Port.IntVal || *port.EndPort > 65535) {
					t.Fatalf("port %s is there twice, or its end is wrong", key)
				}
				seen[key] = true
			}
			if len(got) != n {
				t.Fatalf("%d ports, want %d", len(got), n)
			}
		}
	}
}
