package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/enforcer/agent"
	agentbench "github.com/netassay/netassay/enforcer/agent/bench"
	"github.com/netassay/netassay/enforcer/explain"
	"github.com/netassay/netassay/enforcer/host"
	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/internal/golden"
)

// node is a host that a test makes up.
type node struct {
	agentbench.Host
	mu     sync.Mutex
	ipvs   string
	bridge string
	own    []netip.Addr
	broken bool // what Links looks at
}

func (n *node) IPVS() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ipvs
}

func (n *node) BridgeNF([]netip.Prefix) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bridge, nil
}

func (n *node) Addresses() ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.own), nil
}

func (n *node) Links(ips []netip.Addr, podCIDRs []netip.Prefix) (map[netip.Addr]host.Link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken {
		return nil, errors.New("no netlink")
	}
	return n.Host.Links(ips, podCIDRs)
}

func (n *node) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// walk sends the first packet of a TCP connection through the fake kernel.
func (b *bench) walk(hook, src, dst string) iptsim.Verdict {
	b.T.Helper()
	b.Lock()
	defer b.Unlock()
	t, err := b.Kernel.Machine.Walk(hook, iptsim.Packet{
		Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst),
		Protocol: "tcp", SrcPort: 40000, DstPort: 80, State: iptsim.NewFlow,
	})
	if err != nil {
		b.T.Fatal(err)
	}
	return t.Verdict
}

func fillRanges(b *bench) {
	fill(b.API)
	b.API.Set(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{PodCIDRs: []string{"10.0.0.0/24"}}})
}

func TestRefusesIPVS(t *testing.T) {
	b := newBench(t)
	clients, err := watch.NewClients(b.API.REST())
	if err != nil {
		t.Fatal(err)
	}
	err = agent.New(agent.Config{Clients: clients, Node: "n", Runner: b, Host: &node{ipvs: "interface kube-ipvs0 exists"}, Log: slog.New(slog.DiscardHandler)}).Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "kube-ipvs0") || !strings.Contains(err.Error(), "iptables or nftables mode") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line with the evidence and the cure", err)
	}
	if len(b.Kernel.Commands) > 0 {
		t.Errorf("ran %v", b.Kernel.Commands)
	}
}

// TestLinksAreLookedForAgain: policies are in force although nobody can tell the interfaces of
// pods, which are looked for until somebody can.
func TestLinksAreLookedForAgain(t *testing.T) {
	b := newBench(t)
	b.host = &node{broken: true}
	fill(b.API)
	b.API.Set(policy(1))
	b.start()
	b.Until("isolated", b.isolating)
	b.host.change(func() { b.host.broken = false })
	b.Until("known", func() bool {
		_, m := b.Get("/metrics")
		return strings.Contains(m, `npenf_pod_addresses{link="own"} 1`)
	})
}

func TestHostTroubleIsShown(t *testing.T) {
	b := newBench(t)
	b.host = &node{bridge: "pods are on bridge cni0 and so on"}
	fill(b.API)
	b.start()
	b.Until("the gauge is 0", func() bool { _, m := b.Get("/metrics"); return strings.Contains(m, "\nnpenf_bridge_nf_ok 0\n") })
	if !strings.Contains(b.Log.String(), "cni0") {
		t.Errorf("no line about the bridge:\n%s", b.Log)
	}
	b.host.change(func() { b.host.bridge, b.host.ipvs = "", "kube-proxy says so" })
	b.Until("the bridge is well, IPVS is seen", func() bool {
		_, m := b.Get("/metrics")
		return strings.Contains(m, "\nnpenf_bridge_nf_ok 1\n") && strings.Contains(m, "\nnpenf_ipvs_detected 1\n")
	})
}

// TestUnknownPodIsClosed: with the flag, an address of the node's range is closed until its
// pod is known, the node's own are not, and gone pods are closed again.
func TestUnknownPodIsClosed(t *testing.T) {
	b := newBench(t)
	b.denyUnknown = true
	b.host = &node{own: []netip.Addr{netip.MustParseAddr("10.0.0.254")}}
	fillRanges(b)
	b.start()
	b.Until("ready", b.Ready)
	for _, tc := range []struct {
		hook, src, dst string
		want           iptsim.Verdict
	}{
		{"FORWARD", "10.0.0.9", "10.9.9.9", iptsim.Drop},
		{"FORWARD", "10.9.9.9", "10.0.0.9", iptsim.Drop},
		{"INPUT", "10.0.0.9", "192.0.2.1", iptsim.Drop},
		{"FORWARD", "10.0.0.1", "10.9.9.9", iptsim.Accept},
		{"FORWARD", "10.9.9.9", "10.0.0.1", iptsim.Accept},
		{"INPUT", "10.0.0.254", "10.0.0.254", iptsim.Accept},
		{"FORWARD", "10.9.9.9", "10.9.9.8", iptsim.Accept},
	} {
		if got := b.walk(tc.hook, tc.src, tc.dst); got != tc.want {
			t.Errorf("%s %s -> %s: %s, want %s", tc.hook, tc.src, tc.dst, got, tc.want)
		}
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "b", UID: "2"}, Spec: corev1.PodSpec{NodeName: "n"}, Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.0.0.9"}}}}
	b.API.Set(pod)
	b.Until("a known pod is open", func() bool { return b.walk("FORWARD", "10.9.9.9", "10.0.0.9") == iptsim.Accept })
	b.API.Delete(pod)
	b.Until("a gone pod is closed", func() bool { return b.walk("FORWARD", "10.9.9.9", "10.0.0.9") == iptsim.Drop })
	b.host.change(func() { b.host.own = append(b.host.own, netip.MustParseAddr("10.0.0.253")) })
	b.Until("a new address of the node is open", func() bool { return b.walk("INPUT", "10.0.0.253", "10.0.0.253") == iptsim.Accept })
	if _, m := b.Get("/metrics"); !strings.Contains(m, `npenf_unknown_pods_closed{family="inet"} 1`) || !strings.Contains(m, `npenf_unknown_pods_closed{family="inet6"} 0`) {
		t.Error("the gauge does not tell which family is closed")
	}
}

// TestGuardAfterReboot: an empty kernel is closed as soon as the node is known; one that
// holds rules is left alone until everything is.
func TestGuardAfterReboot(t *testing.T) {
	b := newBench(t)
	b.denyUnknown = true
	fillRanges(b)
	release := b.API.Hold("pods")
	b.start()
	b.Until("closed before pods are listed", func() bool { return b.walk("FORWARD", "10.9.9.9", "10.0.0.1") == iptsim.Drop })
	if b.Ready() {
		t.Error("ready before pods are listed")
	}
	release()
	b.Until("open when they are", func() bool { return b.walk("FORWARD", "10.9.9.9", "10.0.0.1") == iptsim.Accept })
	b.Stop()

	release = b.API.Hold("pods")
	defer release()
	b.start()
	b.Until("all but pods in sync", func() bool {
		_, body := b.Get("/readyz")
		return strings.HasSuffix(strings.TrimSpace(body), "not listed yet: pod")
	})
	if b.walk("FORWARD", "10.9.9.9", "10.0.0.1") != iptsim.Accept {
		t.Error("a restart closed a pod that was known")
	}
}

func TestWithoutRangesTheFlagSaysSo(t *testing.T) {
	b := newBench(t)
	b.denyUnknown = true
	fill(b.API)
	b.start()
	b.Until("ready", b.Ready)
	if !strings.Contains(b.Log.String(), "no podCIDRs") {
		t.Errorf("log:\n%s", b.Log)
	}
}

// TestPolicyEditsDoNotFillTheLog: 500 edits, each with a rule that can't be translated and
// is not the same as before, are told within bounds.
func TestPolicyEditsDoNotFillTheLog(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.start()
	b.UntilInSync()
	lines := strings.Count(b.Log.String(), "\n")
	for i := range 500 {
		b.API.Set(policy(int64(i+1), fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)))
	}
	b.API.Set(policy(1000, "10.200.0.0/16"))
	b.Until("the last edit is in force", func() bool {
		return b.walk("FORWARD", "10.200.0.1", "10.0.0.1") == iptsim.Accept && b.walk("FORWARD", "10.0.0.5", "10.0.0.1") == iptsim.Drop
	})
	if now := strings.Count(b.Log.String(), "\n"); now > lines {
		t.Errorf("500 edits made %d lines of log:\n%s", now-lines, b.Log)
	}
	for i := range 500 {
		b.API.Set(policy(int64(2000+i), "10.200.0.0/16", fmt.Sprintf("nonsense-%d", i)))
	}
	b.API.Set(policy(3000, "10.201.0.0/16"))
	b.Until("the last edit is in force", func() bool { return b.walk("FORWARD", "10.201.0.1", "10.0.0.1") == iptsim.Accept })
	if now := strings.Count(b.Log.String(), "\n"); now > lines+maxProblemLines {
		t.Errorf("500 edits with a new problem each made %d lines of log, want at most %d", now-lines, maxProblemLines)
	}
}

// maxProblemLines bounds the lines about problems in a short time.
const maxProblemLines = 45

var series = regexp.MustCompile(`(?m)^# TYPE (npenf_\S+) (\S+)$`)

// TestMetricsGolden: names, types and labels are what operators' dashboards are made of.
func TestMetricsGolden(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.start()
	b.Until("ready", b.Ready)
	b.API.Set(policy(1, "10.0.0.0/8"))
	b.Until("policy in the kernel", b.isolating)
	b.Break(fmt.Errorf("Another app is currently holding the xtables lock"))
	b.API.Delete(policy(1))
	b.Until("not ready", func() bool { return !b.Ready() })
	b.Break(nil)
	b.Until("healed", b.Ready)
	b.API.Down(true)
	b.Until("a failed watch", func() bool { _, m := b.Get("/metrics"); return strings.Contains(m, "npenf_watch_errors_total{") })
	_, text := b.Get("/metrics")
	var out strings.Builder
	for _, m := range series.FindAllStringSubmatch(text, -1) {
		fmt.Fprintf(&out, "%s %s%s\n", m[1], m[2], labels(text, m[1]))
	}
	const file = "testdata/metrics.golden"
	golden.Check(t, file, out.String())
}

var label = regexp.MustCompile(`(\w+)="`)

// labels are the names of a metric's labels.
func labels(text, name string) string {
	first := regexp.MustCompile(`(?m)^` + name + `(?:_count)?\{([^}]*)\}`).FindStringSubmatch(text)
	if first == nil {
		return ""
	}
	var names []string
	for _, l := range label.FindAllStringSubmatch(first[1], -1) {
		names = append(names, l[1])
	}
	return " {" + strings.Join(names, ",") + "}"
}

func TestExplainNamesThePolicy(t *testing.T) {
	b := newBench(t)
	fill(b.API)
	b.API.Set(policy(1, "10.9.0.0/16"))
	b.start()
	b.Until("policy in the kernel", b.isolating)
	b.Until("ready", b.Ready)
	for flow, want := range map[string]explain.Direction{
		"10.9.0.1,10.0.0.1,TCP,80": {Verdict: explain.Allowed, Policy: "x/p", Rule: "spec.ingress[0]"},
		"10.8.0.1,10.0.0.1,TCP,80": {Verdict: explain.Dropped},
	} {
		code, body := b.Get(agent.ExplainPath + "?flow=" + url.QueryEscape(flow))
		var a explain.Answer
		if err := json.Unmarshal([]byte(body), &a); err != nil || code != http.StatusOK {
			t.Fatalf("%s: %d %s (%v)", flow, code, body, err)
		}
		got := a.Ingress
		if got.Verdict != want.Verdict || got.Policy != want.Policy || got.Rule != want.Rule || !slices.Equal(got.IsolatedBy, []string{"x/p"}) || a.Verdict != want.Verdict {
			t.Errorf("%s: %+v", flow, a)
		}
	}
	if code, body := b.Get(agent.ExplainPath + "?flow=x"); code != http.StatusBadRequest || !strings.Contains(body, "CLIENT_IP") {
		t.Errorf("a flow that is none: %d %s", code, body)
	}
	if code, _ := b.Get("/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("profiles are served without the flag: %d", code)
	}
}

func TestProfilesAreServedWithTheFlag(t *testing.T) {
	b := newBench(t)
	b.pprof = true
	fill(b.API)
	b.start()
	b.Until("profiles", func() bool { code, _ := b.Get("/debug/pprof/heap"); return code == http.StatusOK })
}
