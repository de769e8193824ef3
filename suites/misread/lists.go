package misread

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// partMistake is a way to take only some of a list.
type partMistake struct {
	name string
	keep func(n int) (from, to int) // of n items
}

func partMistakes() []partMistake {
	all := []partMistake{
		{"the first of its %s only", func(n int) (int, int) { return 0, min(n, 1) }},
		{"the last of its %s only", func(n int) (int, int) { return max(0, n-1), n }},
	}
	for _, most := range []int{2, 3, 5} {
		all = append(all, partMistake{fmt.Sprintf("the first %d of its %%s only", most), func(n int) (int, int) { return 0, min(n, most) }})
	}
	return all
}

func part[T any](m partMistake, all []T) []T {
	from, to := m.keep(len(all))
	return all[from:to]
}

func all(ok []bool) bool { return !slices.Contains(ok, false) }

// ofLists are the readings with a mistake of lists: rules, peers, ports and policies.
func ofLists() []*Reading {
	var out []*Reading
	for _, d := range directions() {
		for _, m := range partMistakes() {
			out = append(out, partOfRules(d, m), partOfPeers(d, m), partOfPorts(d, m), partOfPolicies(d, m))
		}
		out = append(out, joined(d)...)
		out = append(out, empty(d)...)
		out = append(out, anyInFamily(d))
	}
	return out
}

func partOfRules(d Direction, m partMistake) *Reading {
	r := named(d, "a policy takes "+fmt.Sprintf(m.name, "rules"))
	right := r.rules
	r.rules = func(matching []bool, in Direction) bool {
		if in == d {
			matching = part(m, matching)
		}
		return right(matching, in)
	}
	return r
}

func partOfPeers(d Direction, m partMistake) *Reading {
	r := named(d, "a rule takes "+fmt.Sprintf(m.name, "peers"))
	right := r.peers
	r.peers = func(peers []netv1.NetworkPolicyPeer, namespace string, s side) bool {
		if s.direction == d {
			peers = part(m, peers)
		}
		return right(peers, namespace, s)
	}
	return r
}

func partOfPorts(d Direction, m partMistake) *Reading {
	r := named(d, "a rule takes "+fmt.Sprintf(m.name, "ports"))
	right := r.ports
	r.ports = func(ports []netv1.NetworkPolicyPort, s side) bool {
		if s.direction == d {
			ports = part(m, ports)
		}
		return right(ports, s)
	}
	return r
}

func partOfPolicies(d Direction, m partMistake) *Reading {
	r := named(d, "a pod takes "+fmt.Sprintf(m.name, "policies"))
	right := r.unite
	r.unite = func(allowing []bool, in Direction) bool {
		if in == d {
			allowing = part(m, allowing)
		}
		return right(allowing, in)
	}
	return r
}

// joined are the readings that take one for all of a list, or all for one.
func joined(d Direction) []*Reading {
	policies := named(d, "all policies of a pod must allow")
	unite := policies.unite
	policies.unite = func(allowing []bool, in Direction) bool {
		return (in != d || all(allowing)) && unite(allowing, in)
	}
	rules := named(d, "all rules of a policy must match")
	right := rules.rules
	rules.rules = func(matching []bool, in Direction) bool { return (in != d || all(matching)) && right(matching, in) }
	return []*Reading{
		policies, rules,
		misreadRule(d, "a rule matches by its peers or its ports", func(peer, port bool, r oracle.Rule) bool {
			return peer && len(r.Peers) > 0 || port && len(r.Ports) > 0 || peer && port
		}),
		misreadRule(d, "a rule's ports are ignored", func(peer, _ bool, _ oracle.Rule) bool { return peer }),
		misreadRule(d, "a rule's peers are ignored", func(_, port bool, _ oracle.Rule) bool { return port }),
		misreadPeers(d, "all peers of a rule must match", func(r *Reading, peers []netv1.NetworkPolicyPeer, namespace string, s side) bool {
			return !slices.ContainsFunc(peers, func(p netv1.NetworkPolicyPeer) bool { return !r.peer(&p, namespace, s) })
		}),
	}
}

func misreadRule(d Direction, mistake string, matches func(peer, port bool, r oracle.Rule) bool) *Reading {
	r := named(d, mistake)
	right := r.rule
	r.rule = func(peer, port bool, one oracle.Rule, in Direction) bool {
		if in == d {
			return matches(peer, port, one)
		}
		return right(peer, port, one, in)
	}
	return r
}

func misreadPeers(d Direction, mistake string, match func(r *Reading, peers []netv1.NetworkPolicyPeer, namespace string, s side) bool) *Reading {
	r := named(d, mistake)
	right := r.peers
	r.peers = func(peers []netv1.NetworkPolicyPeer, namespace string, s side) bool {
		if s.direction == d {
			return match(r, peers, namespace, s)
		}
		return right(peers, namespace, s)
	}
	return r
}

// anyInFamily: peers are kept as addresses, in a set for each family, and an empty set is taken
// for an empty list of peers.
func anyInFamily(d Direction) *Reading {
	return misreadPeers(d, "peers without an address of a family are anybody in it", func(r *Reading, peers []netv1.NetworkPolicyPeer, namespace string, s side) bool {
		family := model.FamilyOf(s.addr)
		has := slices.ContainsFunc(peers, func(p netv1.NetworkPolicyPeer) bool {
			if p.IPBlock != nil {
				return strings.Contains(p.IPBlock.CIDR, ":") == (family == model.IPv6)
			}
			return slices.ContainsFunc(s.state.Pods, func(o model.Pod) bool {
				other := s
				other.peer, other.addr = &o, family.First(o.IPs)
				return !o.HostNetwork && other.addr.IsValid() && r.peer(&p, namespace, other)
			})
		})
		return !has || slices.ContainsFunc(peers, func(p netv1.NetworkPolicyPeer) bool { return r.peer(&p, namespace, s) })
	})
}

// empty are the readings that misread what is left out.
func empty(d Direction) []*Reading {
	peers := func(mistake string, matches func(namespace string, s side) bool) *Reading {
		return misreadPeers(d, mistake, func(r *Reading, peers []netv1.NetworkPolicyPeer, namespace string, s side) bool {
			if len(peers) == 0 {
				return matches(namespace, s)
			}
			return slices.ContainsFunc(peers, func(p netv1.NetworkPolicyPeer) bool { return r.peer(&p, namespace, s) })
		})
	}
	return []*Reading{
		peers("a rule without peers matches nobody", func(string, side) bool { return false }),
		peers("a rule without peers matches pods only", func(_ string, s side) bool { return s.peer != nil }),
		peers("a rule without peers matches the policy's namespace only", func(namespace string, s side) bool { return s.peer != nil && s.peer.Namespace == namespace }),
		misreadRule(d, "a rule without peers and ports matches nothing", func(peer, port bool, r oracle.Rule) bool { return peer && port && len(r.Peers)+len(r.Ports) > 0 }),
		misreadNoPorts(d, "a rule without ports matches nothing", func(side) bool { return false }),
		misreadNoPorts(d, "a rule without ports matches TCP only", func(s side) bool { return s.flow.Protocol == corev1.ProtocolTCP }),
		misreadNoPorts(d, "a rule without ports does not match SCTP", func(s side) bool { return s.flow.Protocol != corev1.ProtocolSCTP }),
	}
}

func misreadNoPorts(d Direction, mistake string, matches func(s side) bool) *Reading {
	r := named(d, mistake)
	right := r.ports
	r.ports = func(ports []netv1.NetworkPolicyPort, s side) bool {
		if s.direction == d && len(ports) == 0 {
			return matches(s)
		}
		return right(ports, s)
	}
	return r
}
