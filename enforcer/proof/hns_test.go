package proof

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/netassay/netassay/enforcer/hns"
	"github.com/netassay/netassay/enforcer/hnssim"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/suites/oracle"
)

// windows are the endpoints of all pods of a snapshot, by address, with what their JSON says.
func windows(t *testing.T, s model.Snapshot) map[netip.Addr]*hnssim.Endpoint {
	t.Helper()
	out := map[netip.Addr]*hnssim.Endpoint{}
	plans := map[string]plan.Plan{}
	for _, node := range s.Nodes {
		plans[node.Name] = plan.Compile(s, node.Name)
	}
	for _, pod := range s.Pods {
		if pod.HostNetwork {
			continue
		}
		e := hns.Endpoint{IPs: pod.IPs}
		for _, node := range s.Nodes {
			if node.Name == pod.Node {
				e.NodeIPs = node.IPs
			}
		}
		acls, _ := hns.Render(plans[pod.Node], e)
		text, err := hns.JSON(acls)
		if err != nil {
			t.Fatal(err)
		}
		read, err := hnssim.Read(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		for _, ip := range pod.IPs {
			out[ip] = read
		}
	}
	return out
}

var ianaNumbers = map[corev1.Protocol]int{corev1.ProtocolTCP: 6, corev1.ProtocolUDP: 17, corev1.ProtocolSCTP: 132}

// throughWindows is what becomes of a flow's first packet at both ends.
func throughWindows(endpoints map[netip.Addr]*hnssim.Endpoint, f model.Flow) model.Verdict {
	p := hnssim.Packet{Protocol: ianaNumbers[f.Protocol], Local: f.Client, Remote: f.Server, LocalPort: 40000, RemotePort: int(f.Port)}
	if e := endpoints[f.Client]; e != nil && !e.Passes(p) {
		return model.Deny
	}
	p.In, p.Local, p.Remote, p.LocalPort, p.RemotePort = true, f.Server, f.Client, int(f.Port), 40000
	if e := endpoints[f.Server]; e != nil && !e.Passes(p) {
		return model.Deny
	}
	return model.Allow
}

// TestOracleAgreesWithACLs holds the ACLs of Windows endpoints, as a simulator reads them, against
// the specification. SCTP, which they can't filter, is denied where a rule allows it by port, and
// never allowed where it is denied.
func TestOracleAgreesWithACLs(t *testing.T) {
	count := map[model.Verdict]int{}
	lacking := 0
	for seed := range *scenarios {
		s := gen.New(seed, flowsPerScenario)
		endpoints := windows(t, s.Snapshot)
		for _, f := range s.Flows {
			want := oracle.Evaluate(s.Snapshot, f)
			count[want.Verdict]++
			if want.Verdict == model.Undefined {
				continue
			}
			got := throughWindows(endpoints, f)
			if f.Protocol == corev1.ProtocolSCTP && want.Verdict == model.Allow && got == model.Deny {
				lacking++
				continue
			}
			if got != want.Verdict {
				t.Fatalf("seed %d: %s: ACLs say %s, the oracle %s: %s", seed, f, got, want.Verdict, want.Reason)
			}
		}
	}
	checkBalance(t, count)
	if lacking == 0 {
		t.Error("no SCTP flow was denied for want of a filter: the test does not see what ACLs lack")
	}
	t.Logf("%d SCTP flows that the specification allows are denied", lacking)
}
