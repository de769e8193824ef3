package scenarios

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/internal/sandbox"
	"github.com/netassay/netassay/model"
)

// enforce syncs a kernel to a snapshot, as node n1.
func enforce(t *testing.T, k *kernel.Kernel, s model.Snapshot) kernel.Result {
	t.Helper()
	r, err := k.Sync(context.Background(), plan.Compile(s, "n1"), kernel.Hints{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// holds fails unless a reader who knows nothing finds the plan in the kernel, to the last
// member of each set.
func holds(t *testing.T, run kernel.Runner, b kernel.Backend, s model.Snapshot) {
	t.Helper()
	holdsPlan(t, run, b, plan.Compile(s, "n1"))
}

func holdsPlan(t *testing.T, run kernel.Runner, b kernel.Backend, p plan.Plan) {
	t.Helper()
	r, err := kernel.New(kernel.Options{Backend: b, Runner: run}).Sync(context.Background(), p, kernel.Hints{})
	if err != nil || r.Changed || r.Uncollected > 0 {
		t.Errorf("the kernel does not hold the plan: %+v (%v)", r, err)
	}
}

// TestScenario06ForeignRuleHoldsAStaleSet: rules of another tool refer to a set that has our
// prefix and that no plan has, when the agent starts. It does not crash, the policies are in
// force, the set stays and is counted, and goes when it is free.
//
// Source: NPM#2997, NPM#1502, weave#2915, weave#3247.
//
// Level: simulated kernel and real kernel, both backends.
//
// Lab: not on the lab: the foreign tool is this test.
func TestScenario06ForeignRuleHoldsAStaleSet(t *testing.T) {
	onKernels(t, func(t *testing.T, r kernel.Runner, b kernel.Backend) {
		const stale, rule = "npe-p4-stale", "FORWARD -m set --match-set npe-p4-stale src -j RETURN"
		run(t, r, "ipset restore", "create "+stale+" hash:ip family inet\nadd "+stale+" 10.66.0.1\n")
		run(t, r, xtables(b, "restore")+" -w 5 --noflush", "*mangle\n-A "+rule+"\nCOMMIT\n")
		s := with(t, world(), "x/p", closedX)
		k := kernel.New(kernel.Options{Backend: b, Runner: r})
		if got := enforce(t, k, s); got.Uncollected != 1 {
			t.Errorf("%d sets are held, want 1", got.Uncollected)
		}
		if got := enforce(t, k, s); got.Uncollected != 1 || got.ChainWrites > 0 {
			t.Errorf("again: %+v", got)
		}
		run(t, r, xtables(b, "restore")+" -w 5 --noflush", "*mangle\n-D "+rule+"\nCOMMIT\n")
		// The nft backend lets go of a set some time after its commit.
		for end := time.Now().Add(deadline); enforce(t, k, s).Uncollected > 0; {
			if time.Now().After(end) {
				t.Fatal("the set is free and still there")
			}
		}
		holds(t, r, b, s)
	})
}

// TestScenario07ForeignSetsChangeMeanwhile: between any two commands of ours another tool
// changes its own sets and rules. It finds them as it left them, and we don't mind.
//
// Source: kr#1677.
//
// Level: simulated kernel and real kernel, both backends.
//
// Lab: kube-proxy changes its rules all the time there, in another table.
func TestScenario07ForeignSetsChangeMeanwhile(t *testing.T) {
	onKernels(t, func(t *testing.T, r kernel.Runner, b kernel.Backend) {
		run(t, r, "ipset restore", "create KUBE-X hash:net family inet\n")
		run(t, r, xtables(b, "restore")+" -w 5 --noflush", "*mangle\n:KUBE-X - [0:0]\n-A KUBE-X -j RETURN\n-A FORWARD -j KUBE-X\nCOMMIT\n")
		var mine []string
		busy := wrapped{r, func(context.Context, kernel.Command) error {
			cidr := fmt.Sprintf("10.%d.0.0/16", len(mine))
			mine = append(mine, "add KUBE-X "+cidr)
			run(t, r, "ipset restore", "add KUBE-X "+cidr+"\n")
			return nil
		}}
		k := kernel.New(kernel.Options{Backend: b, Runner: busy})
		from, to := edit(t)
		for range 3 {
			enforce(t, k, from)
			enforce(t, k, to)
		}
		if d, err := k.Verify(context.Background()); err != nil || d.Any() {
			t.Errorf("foreign changes count as drift: %+v, %v", d, err)
		}
		var found []string
		for line := range strings.Lines(run(t, r, "ipset save KUBE-X", "")) {
			if strings.HasPrefix(line, "add ") {
				found = append(found, strings.TrimSpace(line))
			}
		}
		slices.Sort(mine)
		slices.Sort(found)
		if len(mine) < 10 || !slices.Equal(mine, found) {
			t.Errorf("KUBE-X holds %v, want %v", found, mine)
		}
		saved := run(t, r, xtables(b, "save")+" -t mangle", "")
		if !strings.Contains(saved, "-A KUBE-X -j RETURN") || strings.Count(saved, "-A FORWARD -j KUBE-X\n") != 1 {
			t.Errorf("foreign rules are not as they were:\n%s", saved)
		}
	})
}

// laneWorld is the cluster of a lane: the node n1, on which both ends are pods.
func laneWorld(server string) model.Snapshot {
	return model.Snapshot{
		Nodes:      []model.Node{{Name: "n1", IPs: []netip.Addr{netip.MustParseAddr("10.1.0.1")}}},
		Namespaces: []model.Namespace{{Name: "x"}, {Name: "y"}},
		Pods:       []model.Pod{pod("x/client", "n1", laneClient), pod("y/server", "n1", server)},
	}
}

// TestScenario09TheOtherBackend: kube-proxy and others accept everything in filter, with the
// other build of iptables, and without the chains that hint at a build; and a previous agent
// has left its rules there. Verdicts are right; what is left over can only close, and is
// removed by clean-up of both.
//
// Source: NPM#3094, NPM#3144, NPM#3088, k3s#7218.
//
// Level: real kernel with packets, both backends.
//
// Lab: kube-proxy runs there beside the enforcer, whose backend is an option of the engine.
func TestScenario09TheOtherBackend(t *testing.T) {
	onBackends(t, func(t *testing.T, b kernel.Backend) {
		other := kernel.NFT
		if b == kernel.NFT {
			other = kernel.Legacy
		}
		l := newLane(t, false)
		r, target := inside{l.node}, laneServer+":80"
		run(t, r, xtables(other, "restore")+" -w 5 --noflush", "*filter\n:KUBE-FORWARD - [0:0]\n-A KUBE-FORWARD -j ACCEPT\n-I FORWARD -j KUBE-FORWARD\nCOMMIT\n")
		l.reaches(target)
		open := laneWorld(laneServer)
		closed := with(t, open, "y/p", closedX)
		past := kernel.New(kernel.Options{Backend: other, Runner: r})
		enforce(t, past, closed)
		l.blocked(target)

		now := kernel.New(kernel.Options{Backend: b, Runner: r})
		enforce(t, now, closed)
		l.blocked(target)
		if err := kernel.Cleanup(context.Background(), r, other); err == nil {
			t.Error("cleaning up one backend took sets that the other uses")
		}
		l.blocked(target)
		enforce(t, now, open)
		l.reaches(target)
		enforce(t, now, closed)
		l.blocked(target)
		if err := kernel.Cleanup(context.Background(), r, b, other); err != nil {
			t.Errorf("clean up: %v", err)
		}
		l.reaches(target)
	})
}

// TestScenario10LockHeldForReal: another process holds the lock of the legacy build for
// longer than iptables waits.
//
// Source: felix#1504.
//
// Level: agent between fake API server and real kernel, legacy backend (the nft build has no lock).
//
// Lab: make chaos holds the lock for 30 s.
func TestScenario10LockHeldForReal(t *testing.T) {
	sandbox.Require(t)
	s := with(t, world(), "x/p", closedX)
	b := newBench(t)
	b.backend, b.real = kernel.Legacy, inside{newNS(t)}
	b.load(s)
	b.start()
	b.Until("ready", b.Ready)
	lock, err := os.OpenFile("/run/xtables.lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	b.API.Set(policy(t, "y/q", closedX))
	b.Until("it says that it is behind", func() bool { code, _ := b.Get("/readyz"); return code == http.StatusServiceUnavailable })
	if !strings.Contains(b.Log.String(), "xtables lock") {
		t.Errorf("the log does not name the lock:\n%s", b.Log)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	free := time.Now()
	b.Until("caught up", b.Ready)
	t.Logf("caught up %s after the lock was free", time.Since(free))
	b.Stop()
	s = with(t, s, "y/q", closedX)
	holdsPlan(t, b.real, kernel.Legacy, plan.CompileWith(s, plan.Options{Node: "n1", Existing: plan.Keep, Links: simnet.Links(s, "n1")}))
}

// TestScenario29ServicesAreJudgedByPod: a connection to a Service's address has become one
// to a pod before FORWARD sees it, whoever rewrote it: iptables or nftables. So policies
// judge both alike. IPVS is not supported: its packets skip FORWARD.
//
// Source: knp#46.
//
// Level: real kernel with packets, both backends of ours, DNAT by either.
//
// Lab: the cases with the path "service", in the modes of kube-proxy that the lab has. IPVS is not on the lab, whose kernel need not have ip_vs: the agent refuses to start with it (enforcer/host). The same cases run on kind with kube-proxy in either mode.
func TestScenario29ServicesAreJudgedByPod(t *testing.T) {
	rewrite := map[string]func(l *lane){
		"iptables": func(l *lane) {
			run(l.t, inside{l.node}, "iptables-nft-restore -w 5 --noflush", "*nat\n-A PREROUTING -d "+laneVIP+" -p tcp -m tcp --dport 80 -j DNAT --to-destination "+laneServer+":80\nCOMMIT\n")
		},
		"nftables": func(l *lane) {
			run(l.t, inside{l.node}, "nft -f -", "table ip kube-proxy {\n chain p {\n  type nat hook prerouting priority dstnat;\n  ip daddr "+laneVIP+" tcp dport 80 dnat to "+laneServer+":80\n }\n}\n")
		},
	}
	for mode, install := range rewrite {
		t.Run(mode, func(t *testing.T) {
			onBackends(t, func(t *testing.T, b kernel.Backend) {
				l := newLane(t, false)
				install(l)
				k := kernel.New(kernel.Options{Backend: b, Runner: inside{l.node}})
				s := laneWorld(laneServer)
				vip, direct := laneVIP+":80", laneServer+":80"
				enforce(t, k, with(t, s, "y/p", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]}`))
				l.reaches(vip, direct)
				enforce(t, k, with(t, s, "y/p", closedX))
				l.blocked(vip, direct)
				enforce(t, k, with(t, s, "x/p", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}`))
				l.reaches(vip, direct)
				enforce(t, k, with(t, s, "x/p", `{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: `+laneVIP+`/32}}]}]}`))
				l.blocked(vip, direct)
			})
		})
	}
}

// TestScenario34ManyPoliciesForReal: two hundred policies in twenty namespaces, applied at
// once and then one changed, on each backend. Rules grow with policies, and a change of one
// writes one chain.
//
// Source: antrea#2949, NPM#1969.
//
// Level: real kernel, both backends, timed.
//
// Lab: 1,000 policies wait for a run at scale.
func TestScenario34ManyPoliciesForReal(t *testing.T) {
	onBackends(t, func(t *testing.T, b kernel.Backend) {
		const namespaces, each = 20, 10
		s := world()
		for i := range namespaces {
			ns := fmt.Sprint("many", i)
			s.Namespaces = append(s.Namespaces, model.Namespace{Name: ns})
			s.Pods = append(s.Pods, pod(ns+"/a", "n1", fmt.Sprintf("10.0.1.%d", 100+i)))
			for j := range each {
				s.Policies = append(s.Policies, blocks(fmt.Sprintf("%s/p%d", ns, j), fmt.Sprintf("203.0.%d.%d/32", i, j)))
			}
		}
		r := inside{newNS(t)}
		k := kernel.New(kernel.Options{Backend: b, Runner: r})
		first := enforce(t, k, s)
		s.Policies = slices.Clone(s.Policies)
		s.Policies[7] = blocks("many0/p7", "203.0.113.1/32")
		second := enforce(t, k, s)
		holds(t, r, b, s)
		t.Logf("all: sets %s, rules %s; one: sets %s, rules %s", first.SetsTime, first.RulesTime, second.SetsTime, second.RulesTime)
		if second.ChainWrites != 1 || second.SetWrites != 1 {
			t.Errorf("one edit took %+v, want one set and one chain", second)
		}
		if rules := strings.Count(run(t, r, xtables(b, "save")+" -t mangle", ""), "\n-A "); rules > namespaces*each+3*namespaces+20 {
			t.Errorf("%d rules for %d policies in %d namespaces", rules, namespaces*each, namespaces)
		}
	})
}

// TestScenario36BridgeWithoutNetfilter: pods hang on a bridge and bridge-nf-call-iptables is
// 0. No rule of iptables sees their packets: a policy that is in the kernel to the letter
// does not hold, so an enforcer has to say so, and a harness has to notice.
//
// Source: kr#916, kr#151.
//
// Level: real kernel with packets: the hazard itself, and that a routed lane does not have it. The enforcer's warning is enforcer/host's.
//
// Lab: not on the lab: its pods are routed, not bridged. The harness would show it as failed deny cells.
func TestScenario36BridgeWithoutNetfilter(t *testing.T) {
	onBackends(t, func(t *testing.T, b kernel.Backend) {
		for _, bridged := range []bool{true, false} {
			l := newLane(t, bridged)
			l.do(l.node, func() error {
				err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-iptables", []byte("0"), 0o644)
				if errors.Is(err, fs.ErrNotExist) { // without br_netfilter it is as if it were 0
					return nil
				}
				return err
			})
			target := l.address + ":80"
			l.reaches(target)
			closed := with(t, laneWorld(l.address), "y/p", closedX)
			enforce(t, kernel.New(kernel.Options{Backend: b, Runner: inside{l.node}}), closed)
			holds(t, inside{l.node}, b, closed)
			if bridged {
				l.reaches(target)
			} else {
				l.blocked(target)
			}
		}
	})
}
