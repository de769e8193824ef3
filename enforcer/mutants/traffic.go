//go:build mutants

package mutants

import (
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
)

// What rules often begin with.
const (
	known     = "-m conntrack --ctstate RELATED,ESTABLISHED "
	fresh     = "-m conntrack --ctstate NEW "
	toService = "-m conntrack --ctstate DNAT "
	perFlow   = "--hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-htable-expire 3000 --hashlimit-htable-gcinterval 500 "
)

// open has what matches pass, whatever the enforcer says.
func open(match string) []string { return []string{"FWD " + match + " -j ACCEPT"} }

// halves has what matches judged in one direction only.
func half(match string, judged plan.ChainName) []string {
	return []string{
		"FWD " + known + "-j RETURN",
		"FWD " + match + " -j " + string(judged),
		"FWD " + match + " -j ACCEPT",
	}
}

func list(names string) []string { return strings.Fields(names) }

const (
	denies        = "isolation-deny-ingress isolation-deny-egress isolation-deny-both peer-nobody isolation-every-namespace isolation-two-namespaces"
	manyDenies    = denies + " ipblock-everything update-ipblocks udp-deny-ingress udp-deny-egress ipblock-reply isolation-same-name-in-two-namespaces outside-ports-ingress ipblock-ports"
	denyIngress   = "isolation-deny-ingress peer-nobody isolation-ingress-of-one-pod"
	denyEgress    = "isolation-deny-egress stack-egress-stops-what-ingress-allows isolation-deny-egress-of-one-pod"
	udpIngress    = "udp-deny-ingress udp-port isolation-deny-ingress"
	udpEgress     = "udp-deny-egress udp-one-pod-egress isolation-deny-egress"
	sctpIngress   = "sctp-deny-ingress sctp-port sctp-name-ingress"
	sctpEgress    = "sctp-deny-egress sctp-number-egress sctp-name-egress"
	services      = "service-port-of-peers service-udp service-not-in service-range"
	nodesIngress  = "node-any-address-ingress node-absent-peers-ingress node-port-ingress node-pods-of-own-namespace"
	nodesEgress   = "node-deny-egress node-absent-peers-egress node-egress-port node-except-egress"
	replies       = "isolation-reply isolation-reply-of-open-pod ipblock-reply isolation-deny-egress"
	longFlows     = "flow-kept-edit flow-kept-egress flow-kept-stacked flow-kept-label flow-kept-reapplied"
	largeStreams  = "payload-tcp-ingress payload-tcp-egress"
	largeMessages = "payload-udp-ingress payload-udp-egress payload-by-service payload-edit"
)

// traffic are faults in what is let through of traffic that never changes its verdict.
func traffic() []Mutant {
	return []Mutant{
		{Name: "leak-10-percent", Says: "one new connection in ten passes, whatever the policies say", Timed: true, Cases: list(denies), rules: open(fresh + "-m statistic --mode random --probability 0.1")},
		{Name: "leak-1-percent", Says: "one new connection in a hundred passes, whatever the policies say", Timed: true, Cases: list(denies), rules: open(fresh + "-m statistic --mode random --probability 0.01")},
		{Name: "leak-0.1-percent", Says: "one new connection in a thousand passes, whatever the policies say", Timed: true, Cases: list(manyDenies), rules: open(fresh + "-m statistic --mode random --probability 0.001")},
		{Name: "leak-every-50th", Says: "each 50th packet of a new connection passes", Timed: true, Cases: list(denies), rules: open(fresh + "-m statistic --mode nth --every 50 --packet 0")},
		{Name: "loss-10-percent", Says: "one new connection in ten loses its first packet", Timed: true, Cases: list("allow-all isolation-none port-number udp-port"), rules: []string{"FWD " + fresh + "-m statistic --mode random --probability 0.1 -j DROP"}},
		{Name: "second-syn-passes", Says: "the first packet of a denied connection is dropped and its retransmission accepted", Cases: list(denies), rules: open("-p tcp -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1 " + perFlow + "--hashlimit-name mutant")},
		{Name: "third-syn-passes", Says: "two packets of a denied connection are dropped and the third accepted", Cases: list(denies), rules: open("-p tcp -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 2 " + perFlow + "--hashlimit-name mutant")},
		{Name: "second-datagram-passes", Says: "the first datagram of a denied UDP flow is dropped and the second accepted", Cases: list("udp-deny-ingress udp-deny-egress isolation-deny-both udp-port"), rules: open("-p udp -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1 " + perFlow + "--hashlimit-name mutant")},
		{Name: "udp-open", Says: "UDP is not enforced", Cases: list(udpIngress + " udp-deny-egress"), rules: open("-p udp")},
		{Name: "udp-ingress-open", Says: "UDP is enforced at its client only", Cases: list(udpIngress), rules: half("-p udp", plan.ChainEgress)},
		{Name: "udp-egress-open", Says: "UDP is enforced at its server only", Cases: list(udpEgress), rules: half("-p udp", plan.ChainIngress)},
		{Name: "sctp-open", Says: "SCTP is not enforced", Cases: list(sctpIngress + " sctp-deny-egress"), rules: open("-p sctp")},
		{Name: "sctp-ingress-open", Says: "SCTP is enforced at its client only", Cases: list(sctpIngress), rules: half("-p sctp", plan.ChainEgress)},
		{Name: "sctp-egress-open", Says: "SCTP is enforced at its server only", Cases: list(sctpEgress), rules: half("-p sctp", plan.ChainIngress)},
		{Name: "ipv6-open", Says: "IPv6 is not enforced", Cases: list(denies), rules: open6("")},
		{Name: "ipv6-ingress-open", Says: "IPv6 is enforced at its client only", Cases: list(denyIngress), rules: prefixed("6", half("", plan.ChainEgress))},
		{Name: "ipv6-egress-open", Says: "IPv6 is enforced at its server only", Cases: list(denyEgress), rules: prefixed("6", half("", plan.ChainIngress))},
		{Name: "ipv6-udp-open", Says: "UDP over IPv6 is not enforced", Cases: list("udp-deny-ingress udp-deny-egress isolation-every-namespace"), rules: open6("-p udp")},
		{Name: "ipv4-open", Says: "IPv4 is not enforced", Cases: list(denies), rules: prefixed("4", open(""))},
		{Name: "services-open", Says: "what reaches a pod by its Service is not enforced", Cases: list(services), rules: open(toService)},
		{Name: "services-udp-open", Says: "UDP that reaches a pod by its Service is not enforced", Cases: list("service-udp service-not-in"), rules: open(toService + "-p udp")},
		{Name: "services-egress-open", Says: "egress to a Service is not enforced", Cases: list("service-egress-port-name service-range service-port-of-peers"), rules: half(toService, plan.ChainIngress)},
		{Name: "same-node-open", Says: "only traffic between nodes is enforced", Cases: list(denies), rules: open("-i veth+ -o veth+")},
		{Name: "ingress-of-other-nodes-open", Says: "ingress is enforced for clients of the same node only", Cases: list(denyIngress), rules: open("-i eth0")},
		{Name: "egress-to-other-nodes-open", Says: "egress is enforced for servers of the same node only", Cases: list(denyEgress), rules: open("-o eth0")},
		{Name: "own-node-blocked", Says: "ingress rules hold for the pod's own node too", Cases: list("node-to-own-pods node-deny-egress isolation-deny-ingress node-port-ingress"), rules: []string{"OUT -o veth+ " + fresh + "-j " + string(plan.ChainIngress)}},
		{Name: "own-node-blocked-udp", Says: "ingress rules for UDP hold for the pod's own node too", Cases: list("node-to-own-pods node-port-ingress"), rules: []string{"OUT -o veth+ -p udp " + fresh + "-j " + string(plan.ChainIngress)}},
		{Name: "egress-to-nodes-open", Says: "egress to any node is not enforced", Cases: list(nodesEgress), rules: []string{"IN -i veth+ -j ACCEPT", "4 FWD -d 172.30.0.0/24 -j ACCEPT", "6 FWD -d fd00:172:30::/64 -j ACCEPT"}},
		{Name: "ingress-of-nodes-open", Says: "ingress of other nodes is not enforced", Cases: list(nodesIngress), rules: []string{"4 FWD -s 172.30.0.0/24 -j ACCEPT", "6 FWD -s fd00:172:30::/64 -j ACCEPT"}},
		{Name: "ingress-of-outside-open", Says: "ingress of hosts outside of the cluster is not enforced", Cases: list("outside-no-selector-ingress outside-one-address-ingress outside-ports-ingress"), rules: outside("-s")},
		{Name: "egress-to-outside-open", Says: "egress to hosts outside of the cluster is not enforced", Cases: list("outside-no-selector-egress outside-one-address-egress outside-ports-egress"), rules: outside("-d")},
		{Name: "stateless", Says: "replies are judged as if they were connections of their own", Cases: list(replies), rules: []string{"FWD -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j " + string(plan.ChainEgress), "FWD -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j " + string(plan.ChainIngress)}},
		{Name: "stateless-udp", Says: "UDP replies are judged as if they were flows of their own", Cases: list(replies + " udp-deny-egress udp-deny-ingress"), rules: []string{"FWD -p udp -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j " + string(plan.ChainEgress), "FWD -p udp -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j " + string(plan.ChainIngress)}},
		{Name: "dns-replies-open", Says: "UDP from port 53 passes, for the sake of DNS", Cases: list("sentinels udp-deny-ingress"), rules: open("-p udp --sport 53")},
		{Name: "flow-dies-after-10", Says: "a flow's packets are dropped after the tenth", Cases: list(longFlows), rules: []string{"FWD -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 10 " + perFlow + "--hashlimit-name mutant -j DROP"}},
		{Name: "flow-dies-after-1000", Says: "a flow's packets are dropped after the thousandth", Cases: list(longFlows), rules: []string{"FWD -m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1000 " + perFlow + "--hashlimit-name mutant -j DROP"}},
		{Name: "large-packets-dropped", Says: "packets of more than 1200 bytes are dropped", Cases: list(largeStreams + " " + largeMessages), rules: []string{"FWD -m length --length 1200:65535 -j DROP"}},
		{Name: "large-datagrams-dropped", Says: "UDP datagrams of more than 1200 bytes are dropped", Cases: list(largeMessages), rules: []string{"FWD -p udp -m length --length 1200:65535 -j DROP"}},
		{Name: "high-source-ports-open", Says: "connections from source ports above 60000 pass", Timed: true, Cases: list(denies), rules: open("-p tcp --sport 60000:65535")},
	}
}

func open6(match string) []string { return prefixed("6", open(match)) }

// outside has what comes from or goes to hosts outside of the cluster pass.
func outside(end string) []string {
	var out []string
	for _, r := range model.OutsideRanges() {
		family := "6"
		if r.Addr().Is4() {
			family = "4"
		}
		out = append(out, prefixed(family, open(end+" "+r.String()))...)
	}
	return out
}

// prefixed keeps rules to a family.
func prefixed(family string, rules []string) []string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = family + " " + r
	}
	return out
}
