package agent_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/simnet"
)

// podWith is a pod of the node with the address that fill's x/a has.
func podWith(namespace, name, uid string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(uid)}, Spec: corev1.PodSpec{NodeName: "n"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}}},
	}
}

// TestIsolationEndsWithThePod: after a deletion by force a pod's policies hold until its
// interface is gone, or somebody else has its address.
func TestIsolationEndsWithThePod(t *testing.T) {
	for _, reused := range []bool{false, true} {
		b := newBench(t)
		fill(b.API)
		b.API.Set(policy(1))
		b.start()
		closed := func() bool { return b.walk("FORWARD", "10.9.9.9", "10.0.0.1") == iptsim.Drop }
		b.Until("isolated", closed)
		b.API.Delete(podWith("x", "a", "1"))
		b.Until("the object is gone", func() bool {
			_, m := b.Get("/metrics")
			return strings.Contains(m, `npenf_cache_objects{kind="pod"} 0`)
		})
		b.API.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "y"}}) // and what comes after it
		b.Until("a later change is in force", func() bool {
			_, m := b.Get("/metrics")
			return strings.Contains(m, `npenf_cache_objects{kind="namespace"} 2`)
		})
		if !closed() {
			t.Error("open although the pod may still be there")
		}
		if reused {
			b.API.Set(podWith("y", "b", "2"))
		} else {
			b.host.Plug(netip.MustParseAddr("10.0.0.1"), false)
		}
		b.Until("open", func() bool { return !closed() })
		b.Stop()
	}
}

// TestRouteComesLate: a pod whose interface is not known yet is believed, and the agent says
// so; from when it is known on, it is not.
func TestRouteComesLate(t *testing.T) {
	b := newBench(t)
	ip := netip.MustParseAddr("10.0.0.1")
	b.host.Plug(ip, false)
	fill(b.API)
	b.start()
	b.Until("it says so", func() bool {
		_, m := b.Get("/metrics")
		return strings.Contains(m, `npenf_pod_addresses{link="unknown"} 1`) && strings.Contains(b.Log.String(), "can be forged")
	})
	forged := func() bool {
		b.Lock()
		defer b.Unlock()
		trace, err := b.Kernel.Machine.Walk("PREROUTING", iptsim.Packet{
			Src: netip.MustParseAddr("203.0.113.9"), Dst: netip.MustParseAddr("10.9.9.9"), Protocol: "udp", State: iptsim.NewFlow, In: simnet.LinkOf(ip), Back: "eth0",
		})
		return err == nil && trace.Verdict == iptsim.Drop
	}
	if forged() {
		t.Error("an interface that is not known is judged")
	}
	b.host.Plug(ip, true)
	b.Until("what it forges is dropped", forged)
}

// TestInheritedFlowsAreForgotten: when an address changes hands, and only then, its flows are
// forgotten, however long nobody had it and whoever's record comes first.
func TestInheritedFlowsAreForgotten(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.start()
	b.Until("ready", b.Ready)
	ip := netip.MustParseAddr("10.0.0.1")
	forgotten := func(n int) func() bool { return func() bool { return len(b.host.Forgotten()) == n } }
	relabelled := podWith("x", "a", "1")
	relabelled.Labels = map[string]string{"new": "label"}
	for i, step := range []func(){
		func() { b.API.Set(relabelled) },
		func() { b.API.Delete(relabelled) },
		func() { b.API.Set(podWith("x", "a", "1")) },
		func() { b.API.Set(podWith("x", "b", "2")) },
		func() { b.API.Delete(podWith("x", "a", "1")) },
		func() { b.API.Delete(podWith("x", "b", "2")) },
		func() { b.API.Set(podWith("x", "b", "3")) },
	} {
		step()
		b.API.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("mark", i)}})
		b.Until("acted upon", func() bool {
			_, m := b.Get("/metrics")
			return strings.Contains(m, fmt.Sprintf(`npenf_cache_objects{kind="namespace"} %d`, 2+i)) && b.Ready()
		})
		b.Until(fmt.Sprint("forgotten after step ", i), forgotten([]int{0, 0, 0, 1, 1, 1, 2}[i]))
	}
	if got := b.host.Forgotten(); got[0] != ip || got[1] != ip {
		t.Errorf("forgotten: %v", got)
	}
}

// TestRulesAhead: a rule of somebody else's that accepts packets before ours see them makes the
// agent unready, with an event of its node, until it is gone.
func TestRulesAhead(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.start()
	b.Until("ready", b.Ready)
	feed := func(rule string) {
		b.Lock()
		defer b.Unlock()
		if err := b.Kernel.Machine.RestoreRules(iptsim.IPv4, strings.NewReader("*mangle\n"+rule+"\nCOMMIT\n")); err != nil {
			t.Fatal(err)
		}
	}
	feed("-I FORWARD -j ACCEPT")
	b.Until("it says so", func() bool {
		code, body := b.Get("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "iptables -t mangle -A FORWARD -j ACCEPT")
	})
	b.Until("an event of the node", func() bool {
		for _, e := range b.API.Events() {
			if e.Reason == "PoliciesBypassed" && e.InvolvedObject.Name == "n" && strings.Contains(e.Message, "FORWARD -j ACCEPT") {
				return true
			}
		}
		return false
	})
	feed("-D FORWARD -j ACCEPT")
	b.Until("ready again", b.Ready)
}

// TestAddressesOutsideOfRanges: where pods have addresses that are not of the node's ranges,
// unknown ones can't be closed, and the agent says so.
func TestAddressesOutsideOfRanges(t *testing.T) {
	b := newBench(t)
	b.denyUnknown = true
	fillRanges(b)
	outside := podWith("x", "outside", "2")
	outside.Status.PodIPs[0].IP = "10.99.0.1"
	b.API.Set(outside)
	b.start()
	b.Until("it says so", func() bool { return strings.Contains(b.Log.String(), "not of its podCIDRs") })
}
