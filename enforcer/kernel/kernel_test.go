package kernel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

// cluster is a small cluster: x/server on node n is isolated by x/p, which lets pods with
// role=client and the given blocks in.
func cluster(blocks []string, clients ...string) plan.Plan {
	s := model.Snapshot{
		Namespaces: []model.Namespace{{Name: "x"}},
		Nodes:      []model.Node{{Name: "n", IPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
		Pods:       []model.Pod{pod("server", "server", "n", "10.0.0.2", "fd00::2")},
	}
	for _, ip := range clients {
		s.Pods = append(s.Pods, pod("client-"+ip, "client", "other", ip))
	}
	peers := []netv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"role": "client"}}}}
	for _, b := range blocks {
		peers = append(peers, netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: b}})
	}
	s.Policies = []*netv1.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "p"},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"role": "server"}},
			Ingress:     []netv1.NetworkPolicyIngressRule{{From: peers}},
		},
	}}
	return plan.Compile(s, "n")
}

func pod(name, role, node string, ips ...string) model.Pod {
	p := model.Pod{
		UID: name, Namespace: "x", Name: name, Node: node, Labels: map[string]string{"role": role},
		Ports: []model.Port{{Name: "http", Number: 80, Protocol: corev1.ProtocolTCP}},
	}
	for _, ip := range ips {
		p.IPs = append(p.IPs, netip.MustParseAddr(ip))
	}
	return p
}

func wantOwn(w *world, p plan.Plan) {
	w.t.Helper()
	if diff := cmp.Diff(named(p), w.state().own()); diff != "" {
		w.t.Errorf("names in the kernel (-want +got):\n%s", diff)
	}
}

func TestFirstSyncThenNothing(t *testing.T) {
	onAll(t, func(w *world) {
		k, p := w.agent(), cluster([]string{"10.9.0.0/16"}, "10.0.1.2")
		if r := w.sync(k, p); !r.Changed {
			w.t.Error("the first sync changed nothing")
		}
		wantOwn(w, p)
		s := w.state()
		if got := s.Sets[s.set(w.t, "npe-b4")]; !slices.Equal(got, []string{"10.9.0.0/16"}) {
			w.t.Errorf("block set holds %v", got)
		}
		if s.Chains["FORWARD"] != 1 || s.Chains["INPUT"] != 1 {
			w.t.Errorf("FORWARD has %d rules and INPUT %d, want one jump each", s.Chains["FORWARD"], s.Chains["INPUT"])
		}
		before := len(w.run.commands)
		if r := w.sync(k, p); r.Changed || len(w.run.commands) != before {
			w.t.Errorf("the second sync ran %v", w.run.commands[before:])
		}
	})
}

func TestRestartAdoptsWhatIsThere(t *testing.T) {
	onAll(t, func(w *world) {
		p := cluster([]string{"10.9.0.0/16", "2001:db8::/32"}, "10.0.1.2", "fd00::1:2")
		w.sync(w.agent(), p)
		if r := w.sync(w.agent(), p); r.Changed {
			w.t.Errorf("a restarted agent changed something: %+v", r)
		}
		if d := w.verify(w.agent()); d.Any() {
			w.t.Errorf("drift before anything was read: %+v", d)
		}
	})
}

func TestPodChurnTouchesNoRule(t *testing.T) {
	onAll(t, func(w *world) {
		k := w.agent()
		w.sync(k, cluster(nil, "10.0.1.2"))
		r := w.sync(k, cluster(nil, "10.0.1.2", "10.0.1.3"))
		if r.ChainWrites != 0 || r.SetWrites != 0 || r.Lines != 1 {
			w.t.Errorf("a new client took %+v, want one line", r)
		}
		s := w.state()
		if got := s.Sets[s.set(w.t, "npe-p4")]; !slices.Equal(got, []string{"10.0.1.2", "10.0.1.3"}) {
			w.t.Errorf("peer set holds %v", got)
		}
	})
}

func TestChurnIsOneCommandOfEachFamily(t *testing.T) {
	onAll(t, func(w *world) {
		k := w.agent()
		w.sync(k, cluster(nil, "10.0.1.2", "fd00::1:2"))
		w.run.commands = nil
		r := w.sync(k, cluster(nil, "10.0.1.2", "10.0.1.3", "fd00::1:2", "fd00::1:3"))
		if diff := cmp.Diff(slices.Repeat([]string{"ipset restore -exist"}, 2), w.run.commands); diff != "" || r.Lines != 2 || !r.Changed {
			w.t.Errorf("two new clients took %+v (-want +got):\n%s", r, diff)
		}
		s := w.state()
		for prefix, want := range map[string][]string{"npe-p4": {"10.0.1.2", "10.0.1.3"}, "npe-p6": {"fd00::1:2", "fd00::1:3"}} {
			if diff := cmp.Diff(want, s.Sets[s.set(w.t, prefix)]); diff != "" {
				w.t.Errorf("%s (-want +got):\n%s", prefix, diff)
			}
		}
		if d := w.verify(k); d.Any() {
			w.t.Errorf("drift after a sync: %+v", d)
		}
	})
}

// TestManyPodsOnANode: many pods with interfaces of their own come, change all at once, and go. The
// kernel takes 64 interfaces with one prefix in a set.
func TestManyPodsOnANode(t *testing.T) {
	onAll(t, func(w *world) {
		k := w.agent()
		for _, pods := range []struct{ from, to int }{{0, 28}, {28, 56}, {0, 110}, {110, 220}, {0, 500}, {60, 560}, {200, 230}} {
			p := plugged(pods.from, pods.to)
			w.sync(k, p)
			wantOwn(w, p)
			if d := w.verify(k); d.Any() {
				w.t.Errorf("pods %v: drift %+v", pods, d)
			}
			s := w.state()
			for _, set := range p.IPv4.Sets {
				if got := s.Sets[s.set(w.t, string(set.Name))]; len(got) != len(set.Members) {
					w.t.Errorf("pods %v: set %s has %d members, want %d", pods, set.Name, len(got), len(set.Members))
				}
			}
		}
	})
}

// plugged is the plan of a node with pods that are isolated and have interfaces of their own.
func plugged(from, to int) plan.Plan {
	s := model.Snapshot{Namespaces: []model.Namespace{{Name: "x"}}, Nodes: []model.Node{{Name: "n"}}}
	opts := plan.Options{Node: "n", Existing: plan.Keep, Links: map[netip.Addr]string{}}
	for i := from; i < to; i++ {
		ip := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		s.Pods = append(s.Pods, pod(fmt.Sprint("p", i), "server", "n", ip.String()))
		opts.Links[ip] = fmt.Sprintf("veth%d", i)
	}
	s.Policies = []*netv1.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "closed"},
		Spec:       netv1.NetworkPolicySpec{PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress}},
	}}
	return plan.CompileWith(s, opts)
}

// TestOneFamilyFails: the other is brought to the plan all the same.
func TestOneFamilyFails(t *testing.T) {
	f := fake.New()
	broken := false
	k := kernel.New(kernel.Options{Runner: runnerFunc(func(ctx context.Context, c kernel.Command) ([]byte, error) {
		var in bytes.Buffer
		if c.Stdin != nil {
			if err := c.Stdin(&in); err != nil {
				t.Fatal(err)
			}
		}
		if broken && strings.Contains(in.String(), " npe-p4") {
			return nil, &kernel.RunError{Argv: c.Argv, Stderr: "ipset v7.17: no", Err: errors.New("exit status 1")}
		}
		return f.Run(ctx, c)
	})})
	to := cluster(nil, "10.0.1.2", "10.0.1.3", "fd00::1:2", "fd00::1:3")
	sync(t, k, cluster(nil, "10.0.1.2", "fd00::1:2"), nil)
	broken = true
	if _, err := k.Sync(context.Background(), to, kernel.Hints{}); err == nil || !strings.HasPrefix(err.Error(), "sync IPv4: ") || strings.Contains(err.Error(), "sync IPv6") {
		t.Errorf("sync said %v, want that IPv4 failed", err)
	}
	out, err := f.Run(context.Background(), kernel.Command{Argv: []string{"ipset", "save", f.Machine.Sets()[slices.IndexFunc(f.Machine.Sets(), func(s string) bool { return strings.HasPrefix(s, "npe-p6") })]}})
	if err != nil || !strings.Contains(string(out), "fd00::1:3") {
		t.Errorf("the other family's set: %q, %v", out, err)
	}
	broken = false
	sync(t, k, to, nil)
	history{}.wantClean(t, 0, f, to)
}

// A pod elsewhere gets another label: it joins the sets that it is in by now, and then leaves
// the others. Of one that is judged here both happens at once, in the commit.
func TestRelabel(t *testing.T) {
	for _, tc := range []struct {
		name   string
		judged bool
		want   kernel.Result
	}{
		{"pods elsewhere", false, kernel.Result{Lines: 2}},
		{"a pod that is judged here", true, kernel.Result{SetWrites: 1, ChainWrites: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onAll(t, func(w *world) {
				k := w.agent()
				was, p := cluster(nil, "10.0.1.2"), cluster(nil, "10.0.1.3")
				for i := range p.IPv4.Sets {
					if tc.judged && p.IPv4.Sets[i].Role == plan.RoleIsolation {
						p.IPv4.Sets[i].Members = append(p.IPv4.Sets[i].Members, plan.HostMember(netip.MustParseAddr("10.0.1.3")))
						was.IPv4.Sets[i].Members = p.IPv4.Sets[i].Members
					}
				}
				w.sync(k, was)
				r := w.sync(k, p)
				if r.Lines != tc.want.Lines || r.SetWrites != tc.want.SetWrites || r.ChainWrites != tc.want.ChainWrites {
					w.t.Errorf("took %+v, want %+v", r, tc.want)
				}
				wantOwn(w, p)
				if d := w.verify(k); d.Any() {
					w.t.Errorf("drift after a sync: %+v", d)
				}
			})
		})
	}
}

func TestTransientPodsStayInPlace(t *testing.T) {
	onAll(t, func(w *world) {
		k := w.agent()
		w.sync(k, cluster(nil, "10.0.1.2"))
		r, err := k.Sync(context.Background(), cluster(nil, "10.0.1.3"), kernel.Hints{Transient: func(netip.Addr) bool { return true }})
		if err != nil || r.Lines != 2 || r.SetWrites+r.ChainWrites != 0 {
			w.t.Errorf("one pod for another took %+v (%v), want two lines", r, err)
		}
	})
}

// TestNothingIsLeftToDo: after each sync to the next plan of one compiler, whose plans share what
// stays as it is, an agent that knows nothing of what came before has nothing to change.
func TestNothingIsLeftToDo(t *testing.T) {
	for seed := range uint64(40) {
		w := &world{t: t, run: &counting{Runner: fake.New()}, backend: kernel.Auto}
		k := w.agent()
		var c plan.Compiler
		s := gen.New(seed, 0).Snapshot
		for step := range uint64(12) {
			w.sync(k, c.Compile(s, plan.Options{Node: "n1", Existing: plan.Keep}))
			if r := w.sync(w.agent(), plan.Compile(s, "n1")); r.Changed {
				t.Fatalf("seed %d step %d: %+v is left to do", seed, step, r)
			}
			s = gen.Edit(s, seed<<20|step)
		}
	}
}

// TestCommitsComeBeforeReading: of two families neither is in force later because the other is
// read back, and one chain is read of each, of policies that come, change and go.
func TestCommitsComeBeforeReading(t *testing.T) {
	f := fake.New()
	w := &world{t: t, run: &counting{Runner: f}, backend: kernel.Auto}
	k := w.agent()
	w.sync(k, cluster(nil, "10.0.1.2", "fd00::1:2"))
	for i, p := range []plan.Plan{
		cluster([]string{"10.9.0.0/16", "fd00:9::/64"}, "10.0.1.2", "fd00::1:2"),
		cluster([]string{"10.9.0.0/16", "fd00:9::/64", "10.11.0.0/16", "fd00:11::/64"}, "10.0.1.2", "fd00::1:2"),
		plan.Compile(model.Snapshot{}, "n"),
	} {
		w.run.commands = nil
		w.sync(k, p)
		var got []string
		for _, c := range w.run.commands {
			if words := strings.Fields(c); words[0] != "ipset" {
				got = append(got, strings.Join(slices.DeleteFunc(words, func(s string) bool { return strings.HasPrefix(s, plan.ChainPrefix) }), " "))
			}
		}
		want := []string{
			"iptables-restore -w 5 --noflush", "ip6tables-restore -w 5 --noflush",
			"iptables -w 5 -t mangle -S", "ip6tables -w 5 -t mangle -S",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("plan %d (-want +got):\n%s", i, diff)
		}
		wantOwn(w, p)
		if d := w.verify(k); d.Any() {
			t.Errorf("drift after plan %d: %+v", i, d)
		}
	}
}

func TestEditOfBlocksWritesOneChain(t *testing.T) {
	onAll(t, func(w *world) {
		k := w.agent()
		w.sync(k, cluster([]string{"10.9.0.0/16"}, "10.0.1.2"))
		w.run.commands = nil
		p := cluster([]string{"10.9.0.0/16", "10.11.0.0/16"}, "10.0.1.2")
		if r := w.sync(k, p); r.ChainWrites != 1 || r.SetWrites != 1 || r.Lines != 0 {
			w.t.Errorf("an edit took %+v, want one set and one chain", r)
		}
		if slices.ContainsFunc(w.run.commands, func(c string) bool { return strings.Contains(c, "-save") }) {
			w.t.Errorf("the whole table was read after an edit of one chain: %v", w.run.commands)
		}
		wantOwn(w, p)
		if d := w.verify(k); d.Any() {
			w.t.Errorf("a chain read alone is not as in the whole table: drift %+v", d)
		}
	})
}

func TestPoliciesGone(t *testing.T) {
	onAll(t, func(w *world) {
		k := w.agent()
		w.sync(k, cluster([]string{"10.9.0.0/16"}, "10.0.1.2"))
		p := plan.Compile(model.Snapshot{}, "n")
		w.sync(k, p)
		wantOwn(w, p)
	})
}

func TestLeftoverTemporarySet(t *testing.T) {
	onAll(t, func(w *world) {
		p := cluster([]string{"10.9.0.0/16"}, "10.0.1.2")
		var block string
		for _, s := range p.IPv4.Sets {
			if s.Role == plan.RoleBlock {
				block = string(s.Name)
			}
		}
		w.sets("create "+block+"~ hash:net family inet", "add "+block+"~ 10.66.0.0/16")
		w.sync(w.agent(), p)
		wantOwn(w, p)
		s := w.state()
		if got := s.Sets[block]; !slices.Equal(got, []string{"10.9.0.0/16"}) {
			w.t.Errorf("set %s holds %v", block, got)
		}
	})
}

// TestSetOfAnotherKind: a set of our name that can't hold what the plan wants is replaced.
func TestSetOfAnotherKind(t *testing.T) {
	onAll(t, func(w *world) {
		p := cluster(nil, "10.0.1.2")
		for _, s := range p.IPv4.Sets {
			if s.Role == plan.RolePeer {
				w.sets("create "+string(s.Name)+" hash:net family inet", "add "+string(s.Name)+" 10.66.0.0/16")
			}
		}
		w.sync(w.agent(), p)
		wantOwn(w, p)
		s := w.state()
		if got := s.Sets[s.set(w.t, "npe-p4")]; !slices.Equal(got, []string{"10.0.1.2"}) {
			w.t.Errorf("peer set holds %v", got)
		}
	})
}

// TestSetOutgrowsItsCapacity is scenario 21, with a plan that keeps the set's name.
func TestSetOutgrowsItsCapacity(t *testing.T) {
	onAll(t, func(w *world) {
		k, p := w.agent(), cluster(nil, "10.0.1.2")
		w.sync(k, p)
		for i, s := range p.IPv4.Sets {
			if s.Role != plan.RolePeer {
				continue
			}
			a := netip.MustParseAddr("10.1.0.0")
			for range 70_000 {
				a = a.Next()
				p.IPv4.Sets[i].Members = append(p.IPv4.Sets[i].Members, plan.HostMember(a))
			}
		}
		r := w.sync(k, p)
		if r.SetWrites != 1 || r.ChainWrites != 1 {
			w.t.Errorf("growing took %+v, want a new generation", r)
		}
		s := w.state()
		if got := len(s.Sets[s.set(w.t, "npe-p4")]); got != 70_001 {
			w.t.Errorf("%d members, want 70001", got)
		}
	})
}

func TestMissingPrivilege(t *testing.T) {
	denied := runnerFunc(func(_ context.Context, c kernel.Command) ([]byte, error) {
		return nil, &kernel.RunError{Argv: c.Argv, Stderr: "Could not fetch rule set generation id: Permission denied (you must be root)", Err: errors.New("exit status 4")}
	})
	err := kernel.New(kernel.Options{Runner: denied}).Probe(context.Background())
	if err == nil || !strings.Contains(err.Error(), "NET_ADMIN") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line that names NET_ADMIN", err)
	}
}

func TestNamesThatCantBeExtended(t *testing.T) {
	for _, name := range []string{"x", "npe-a.b", "npe-a~", "npe-" + strings.Repeat("a", 26)} {
		p := plan.Plan{
			IPv4: plan.FamilyPlan{Family: model.IPv4, Sets: []plan.Set{{Name: plan.SetName(name), Kind: plan.Addresses, Family: model.IPv4}}},
			IPv6: plan.FamilyPlan{Family: model.IPv6},
		}
		if _, err := kernel.New(kernel.Options{Runner: fake.New()}).Sync(context.Background(), p, kernel.Hints{}); err == nil {
			t.Errorf("set name %q was accepted", name)
		}
	}
}
