package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/kernel/fake"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/model/gen"
)

// verdicts of flows on one node: true is allowed.
type verdicts []bool

// ways is how many packets judge sends for each flow: its first through FORWARD and INPUT,
// and through FORWARD one that its client sends from an address that nobody knows of.
const ways = 3

func judge(t *testing.T, m *iptsim.Machine, flows []model.Flow) verdicts {
	t.Helper()
	out := make(verdicts, 0, ways*len(flows))
	for _, f := range flows {
		first := simnet.PacketOf(f)
		foreign := first
		foreign.Src = netip.MustParseAddr("169.254.0.9")
		if f.Client.Is6() {
			foreign.Src = netip.MustParseAddr("fe80::9")
		}
		for i, p := range [ways]iptsim.Packet{first, first, foreign} {
			hook := [ways]string{"FORWARD", "INPUT", "FORWARD"}[i]
			trace, err := m.Walk(hook, p)
			if err != nil {
				t.Fatalf("walk %s through %s: %v", f, hook, err)
			}
			out = append(out, trace.Verdict == iptsim.Accept)
		}
	}
	return out
}

// history is a kernel that goes from one plan to the next, and what flows meet meanwhile.
type history struct {
	flows     []model.Flow
	transient map[netip.Addr]bool
}

// crossing says how a flow's verdict between two plans is wrong, "" when it isn't. A flow
// of a pod that has just begun or ended may be denied meanwhile.
func (h history) crossing(i int, before, now, after bool) string {
	if now == before || now == after {
		return ""
	}
	f := h.flows[i/ways]
	switch {
	case now:
		return fmt.Sprintf("%s leaks: denied before and after, allowed now", f)
	case h.transient[f.Client] || h.transient[f.Server]:
		return ""
	}
	return fmt.Sprintf("%s is lost: allowed before and after, denied now", f)
}

func sync(t *testing.T, k *kernel.Kernel, p plan.Plan, transient map[netip.Addr]bool) {
	t.Helper()
	_, err := k.Sync(context.Background(), p, kernel.Hints{Transient: func(a netip.Addr) bool { return transient[a] }})
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
}

// full is what flows meet where nothing but the plan was ever there.
func full(t *testing.T, p plan.Plan, flows []model.Flow) verdicts {
	t.Helper()
	f := fake.New()
	sync(t, kernel.New(kernel.Options{Runner: f}), p, nil)
	return judge(t, f.Machine, flows)
}

// drawn is a scenario, what one to most edits make of it, and one of its nodes.
func drawn(seed, stream uint64, most, flows int) (before, after model.Snapshot, node string, h history) {
	r := rand.New(rand.NewPCG(seed, stream))
	s := gen.New(seed, flows)
	node = s.Snapshot.Nodes[r.IntN(len(s.Snapshot.Nodes))].Name
	edited := s.Snapshot
	for range 1 + r.IntN(most) {
		edited = gen.Edit(edited, r.Uint64())
	}
	return s.Snapshot, edited, node, history{flows: s.Flows, transient: began(s.Snapshot, edited)}
}

// edited is the plans of one node for a scenario, and for one that some edits make of it.
func edited(seed uint64, flows int) (before, after plan.Plan, h history) {
	from, to, node, h := drawn(seed, 1, 4, flows)
	return plan.Compile(from, node), plan.Compile(to, node), h
}

// editedPlugged is edited for a node that knows the interfaces of its pods.
func editedPlugged(seed uint64, flows int) (before, after plan.Plan, h history) {
	from, to, node, h := drawn(seed, 4, 4, flows)
	compile := func(s model.Snapshot) plan.Plan {
		return plan.CompileWith(s, plan.Options{Node: node, Links: simnet.Links(s, node)})
	}
	return compile(from), compile(to), h
}

// crowded is a node with more pods than a set of interfaces takes, or nearly so, of which all are
// isolated, some come and some go.
func crowded(seed uint64, _ int) (before, after plan.Plan, h history) {
	r := rand.New(rand.NewPCG(seed, 9))
	from := model.Snapshot{Namespaces: []model.Namespace{{Name: "x"}}, Policies: []*netv1.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "closed"},
		Spec:       netv1.NetworkPolicySpec{PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress}},
	}}}
	to := from
	n := 25 + r.IntN(40)
	for i := range n {
		p := pod(fmt.Sprint(i), "a", "n", fmt.Sprint("10.0.0.", i))
		stays, comes := r.IntN(8) > 0, r.IntN(2) == 0
		if stays || !comes {
			from.Pods = append(from.Pods, p)
		}
		if stays || comes {
			to.Pods = append(to.Pods, p)
		}
		h.flows = append(h.flows, model.Flow{Client: p.IPs[0], Server: netip.MustParseAddr("192.0.2.1"), Protocol: "TCP", Port: 80})
	}
	h.transient = began(from, to)
	compile := func(s model.Snapshot) plan.Plan {
		return plan.CompileWith(s, plan.Options{Node: "n", Links: simnet.Links(s, "n")})
	}
	return compile(from), compile(to), h
}

// relabelled is a node of few pods and kinds of them, where up to three get the label of others
// and may be other pods by then. Nothing else changes.
func relabelled(seed uint64, _ int) (before, after plan.Plan, h history) {
	r := rand.New(rand.NewPCG(seed, 8))
	kind := func() metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{"role": string(rune('a' + r.IntN(3)))}}
	}
	from := model.Snapshot{Namespaces: []model.Namespace{{Name: "x"}}}
	for i := range 8 {
		from.Pods = append(from.Pods, pod(fmt.Sprint(i), kind().MatchLabels["role"], fmt.Sprint("n", i%2), fmt.Sprint("10.0.0.", i)))
	}
	for i := range 5 {
		p := &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: fmt.Sprint(i)}}
		if r.IntN(2) == 0 {
			p.Spec.PodSelector = kind()
		}
		port, some, more := intstr.FromInt(80+r.IntN(2)), kind(), kind()
		peers, ports := []netv1.NetworkPolicyPeer{{PodSelector: &some}, {PodSelector: &more}}[:1+r.IntN(2)], []netv1.NetworkPolicyPort{{Port: &port}}
		if r.IntN(3) == 0 {
			p.Spec.PolicyTypes, p.Spec.Egress = []netv1.PolicyType{"Egress"}, []netv1.NetworkPolicyEgressRule{{To: peers, Ports: ports}}
		} else {
			p.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: peers, Ports: ports}}
		}
		from.Policies = append(from.Policies, p)
	}
	to := from
	to.Pods = slices.Clone(to.Pods)
	for range 1 + r.IntN(3) {
		p := &to.Pods[r.IntN(len(to.Pods))]
		p.Labels = kind().MatchLabels
		p.UID += "'"[:r.IntN(2)]
	}
	for i := range from.Pods {
		for j := range from.Pods {
			h.flows = append(h.flows, model.Flow{Client: from.Pods[i].IPs[0], Server: from.Pods[j].IPs[0], Protocol: "TCP", Port: uint16(80 + (i+j)%2)})
		}
	}
	h.transient = began(from, to)
	return plan.Compile(from, "n0"), plan.Compile(to, "n0"), h
}

// began are the addresses whose pod is not the same in both snapshots.
func began(before, after model.Snapshot) map[netip.Addr]bool {
	owners := func(s model.Snapshot) map[netip.Addr]string {
		m := map[netip.Addr]string{}
		for _, p := range s.Pods {
			for _, ip := range p.IPs {
				m[ip] += p.UID + " "
			}
		}
		return m
	}
	b, a, out := owners(before), owners(after), map[netip.Addr]bool{}
	for _, m := range []map[netip.Addr]string{a, b} {
		for ip := range m {
			if a[ip] != b[ip] {
				out[ip] = true
			}
		}
	}
	return out
}

// TestEveryPrefixOfEverySync is the proof that a sync can be interrupted, or a packet
// arrive, after any line of it: at no step does a flow meet a verdict that is neither that
// of the old plan nor that of the new one.
func TestEveryPrefixOfEverySync(t *testing.T) { everyPrefix(t, 150, edited) }

// TestEveryPrefixWithLinks is the same where sources are held against interfaces.
func TestEveryPrefixWithLinks(t *testing.T) { everyPrefix(t, 150, editedPlugged) }

// TestEveryPrefixWithManyLinks is the same where interfaces move from set to set, and sets get more
// or fewer.
func TestEveryPrefixWithManyLinks(t *testing.T) { everyPrefix(t, 100, crowded) }

// TestEveryPrefixOfRelabelling is the same for pods that move from peer to peer.
func TestEveryPrefixOfRelabelling(t *testing.T) { everyPrefix(t, 500, relabelled) }

func everyPrefix(t *testing.T, seeds uint64, edited func(seed uint64, flows int) (before, after plan.Plan, h history)) {
	t.Helper()
	const flows = 60
	if testing.Short() {
		seeds = min(seeds, 40)
	}
	for _, hinted := range []bool{false, true} {
		t.Run(fmt.Sprintf("hinted=%v", hinted), func(t *testing.T) {
			steps, changed := 0, 0
			for seed := range seeds {
				before, after, h := edited(seed, flows)
				if !hinted {
					h.transient = nil
				}
				n, c := h.check(t, seed, before, after)
				steps, changed = steps+n, changed+c
			}
			t.Logf("%d steps of %d syncs, %d verdicts changed", steps, seeds, changed)
			if steps == 0 || changed == 0 {
				t.Error("nothing was tested: no step, or no verdict that changes")
			}
		})
	}
}

// check syncs from one plan to the other and judges every flow after every step.
func (h history) check(t *testing.T, seed uint64, from, to plan.Plan) (steps, changed int) {
	t.Helper()
	old, want := full(t, from, h.flows), full(t, to, h.flows)
	for i := range old {
		if old[i] != want[i] {
			changed++
		}
	}
	f := fake.New()
	k := kernel.New(kernel.Options{Runner: f})
	sync(t, k, from, nil)
	f.Step = func(text string) error {
		steps++
		h.judgeStep(t, seed, f.Machine, old, want, text)
		return nil
	}
	sync(t, k, to, h.transient)
	for i, now := range judge(t, f.Machine, h.flows) {
		if now != want[i] {
			t.Fatalf("seed %d: after the sync %s is allowed=%v, want %v", seed, h.flows[i/ways], now, want[i])
		}
	}
	return steps, changed
}

func (h history) judgeStep(t *testing.T, seed uint64, m *iptsim.Machine, old, want verdicts, text string) {
	t.Helper()
	for i, now := range judge(t, m, h.flows) {
		if wrong := h.crossing(i, old[i], now, want[i]); wrong != "" {
			t.Fatalf("seed %d: %s\nafter: %s", seed, wrong, text)
		}
	}
}

var errKilled = errors.New("killed")

// TestKillAtEveryStep ends the agent after each step of a sync, and starts another that
// knows nothing but what it finds and the new plan.
func TestKillAtEveryStep(t *testing.T) {
	seeds, flows := uint64(12), 40
	if testing.Short() {
		seeds = 6
	}
	kills := 0
	for seed := range seeds {
		from, to, h := edited(seed, flows)
		h.transient = nil
		old, want := full(t, from, h.flows), full(t, to, h.flows)
		for n := 1; h.killedAt(t, seed, n, from, to, old, want); n++ {
			kills++
		}
	}
	t.Logf("%d kills", kills)
	if kills == 0 {
		t.Error("nobody was killed")
	}
}

// killedAt kills the sync after n steps. It reports false when there are not that many.
func (h history) killedAt(t *testing.T, seed uint64, n int, from, to plan.Plan, old, want verdicts) bool {
	t.Helper()
	f := fake.New()
	k := kernel.New(kernel.Options{Runner: f})
	sync(t, k, from, nil)
	steps, killed := 0, false
	f.Step = func(text string) error {
		if killed {
			return errKilled
		}
		h.judgeStep(t, seed, f.Machine, old, want, text)
		steps++
		killed = steps == n
		if killed {
			return errKilled
		}
		return nil
	}
	_, err := k.Sync(context.Background(), to, kernel.Hints{})
	if !killed {
		if err != nil {
			t.Fatalf("seed %d: sync: %v", seed, err)
		}
		return false
	}
	f.Step = func(text string) error {
		h.judgeStep(t, seed, f.Machine, old, want, text)
		return nil
	}
	sync(t, kernel.New(kernel.Options{Runner: f}), to, nil)
	h.wantClean(t, seed, f, to)
	for i, now := range judge(t, f.Machine, h.flows) {
		if now != want[i] {
			t.Fatalf("seed %d, killed after %d steps: %s is allowed=%v, want %v", seed, n, h.flows[i/ways], now, want[i])
		}
	}
	return true
}

// wantClean fails when anything but the plan is left.
func (history) wantClean(t *testing.T, seed uint64, f *fake.Kernel, p plan.Plan) {
	t.Helper()
	if got, want := len(f.Machine.Sets()), len(p.IPv4.Sets)+len(p.IPv6.Sets); got != want {
		t.Fatalf("seed %d: %d sets, want %d: %v", seed, got, want, f.Machine.Sets())
	}
	for family, want := range map[iptsim.Family]int{iptsim.IPv4: len(p.IPv4.Chains), iptsim.IPv6: len(p.IPv6.Chains)} {
		if got := len(f.Machine.Chains(family)); got != want {
			t.Fatalf("seed %d: %d chains of %s, want %d: %v", seed, got, family, want, f.Machine.Chains(family))
		}
	}
}
