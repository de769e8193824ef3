package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/simnet"
	"github.com/netassay/netassay/model"
)

// rounds is how often a scenario repeats what is random in it.
func rounds(full int) int {
	if testing.Short() {
		return full / 10
	}
	return full
}

// TestScenario01EditOneCIDRUnderProbe: one CIDR of a policy of 10,000 is replaced, again and
// again. Who is in all versions never drops, who is in none never passes.
//
// Source: NPM UpdatePolicy (removes, then adds), AKS known issue, NPM#2963.
//
// Level: simulated kernel: the flows are judged after every line of every sync. Real packets on both backends: make chaos.
//
// Lab: make chaos, and case update-ipblocks.
func TestScenario01EditOneCIDRUnderProbe(t *testing.T) {
	const size = 10_000
	cidrs := singles("172.16.0.0", size)
	version := func(i int) model.Snapshot {
		s := world()
		list := append(slices.Clone(cidrs), fmt.Sprintf("198.51.100.%d/32", 2*i+1))
		list[i*37%size] = "192.0.2.1/32" // and one of the others is gone
		s.Policies = []*netv1.NetworkPolicy{blocks("x/p", list...)}
		return s
	}
	s := version(0)
	n := newNode(t, "n1")
	n.sync(s)
	probes := flows(s, "172.16.78.30 > x/a:80/TCP", "203.0.113.9 > x/a:80/TCP", "y/a > x/a:80/TCP", "198.51.100.3 > x/a:80/TCP")
	steps := 0
	for i := 1; i <= rounds(20); i++ {
		to := version(i)
		w := n.watch(to, probes...)
		if !w.now[probes[0]] || w.now[probes[1]] || w.now[probes[2]] {
			t.Fatalf("the probes are no controls: %v", w.now)
		}
		r := n.sync(to)
		if r.SetWrites != 1 || r.ChainWrites != 1 || r.Lines != 0 {
			t.Errorf("edit %d took %+v, want one set and one chain", i, r)
		}
		steps += w.steps
		n.fake.Step = nil
	}
	n.clean(version(rounds(20)))
	t.Logf("%d steps judged", steps)
}

// TestScenario02ExceptsRemovedAndAdded: the excepts of five ipBlocks come and go. After each
// change every verdict is the oracle's, with no restart.
//
// Source: NPM#2840, NPM#2841.
//
// Level: simulated kernels that live through all changes, against the oracle.
//
// Lab: case update-ipblocks, for fewer changes.
func TestScenario02ExceptsRemovedAndAdded(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	nodes := []*node{newNode(t, "n1"), newNode(t, "n2")}
	ends := []string{"x/a", "x/c"}
	for i := range 6 {
		for _, host := range []string{"1", "65", "130", "200"} {
			ends = append(ends, fmt.Sprintf("10.%d.0.%s", 100+i, host))
		}
	}
	for range rounds(200) {
		p := &netv1.NetworkPolicy{}
		p.Namespace, p.Name = "x", "p"
		var peers []netv1.NetworkPolicyPeer
		for i := range 6 {
			b := &netv1.IPBlock{CIDR: fmt.Sprintf("10.%d.0.0/16", 100+i)}
			for _, e := range []string{"0/26", "64/26", "128/25", "200/32"} {
				if r.IntN(2) == 0 {
					b.Except = append(b.Except, fmt.Sprintf("10.%d.0.%s", 100+i, e))
				}
			}
			peers = append(peers, netv1.NetworkPolicyPeer{IPBlock: b})
		}
		p.Spec.Ingress = []netv1.NetworkPolicyIngressRule{{From: peers}}
		s := world()
		s.Policies = []*netv1.NetworkPolicy{p}
		for _, n := range nodes {
			n.sync(s)
		}
		agreeIn(t, network(t, s, nodes...), s, ends, "80/TCP")
		if t.Failed() {
			t.FailNow()
		}
	}
}

// edit is a change that touches everything at once: a policy's blocks and ports, another
// policy, a relabelled pod.
func edit(t *testing.T) (before, after model.Snapshot) {
	t.Helper()
	before = with(t, world(),
		"x/p", `{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}, {podSelector: {matchLabels: {pod: b}}}, {namespaceSelector: {matchLabels: {ns: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]}`,
		"z/closed", `{podSelector: {}}`)
	after = with(t, world(),
		"x/p", `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 203.0.112.0/23, except: [203.0.113.128/25]}}, {namespaceSelector: {matchLabels: {ns: "y"}}, podSelector: {matchLabels: {pod: a}}}], ports: [{port: web}]}]}`,
		"y/new", `{podSelector: {matchLabels: {pod: b}}, policyTypes: [Egress]}`)
	podOf(&after, "y/a").Labels["pod"], podOf(&after, "y/b").Labels["pod"] = "b", "a"
	return before, after
}

// all are flows between all pods and some others, in both families: every third of them,
// and fewer in short runs.
func all(s model.Snapshot) []model.Flow {
	every := 3
	if testing.Short() {
		every = 17
	}
	var out []model.Flow
	for i, f := range pairs(s, append(everybody(s), "203.0.112.1", "203.0.113.200"), []string{"80/TCP", "53/UDP"}) {
		if i%every == 0 {
			out = append(out, f)
		}
	}
	return out
}

// TestScenario04KilledAtAnyInstant: the agent is killed after any line that it has written,
// in the middle of an update of everything, and started again. No packet meets anything but
// the old verdict or the new one, and nothing is left over.
//
// Source: AKS documentation (a restart takes 15 s with unexpected connectivity), weave-npc's reset, NPM's flush at boot.
//
// Level: simulated kernel, killed after every single step. Real packets and kill -9 and SIGTERM at random instants, on both backends: make chaos.
//
// Lab: make chaos and make chaos-smoke.
func TestScenario04KilledAtAnyInstant(t *testing.T) {
	from, to := edit(t)
	probes := all(from)
	for steps := 1; ; steps++ {
		n := newNode(t, "n1")
		n.sync(from)
		if !n.killAt(to, steps, probes...) {
			if steps < 10 {
				t.Fatalf("a sync of %d steps: nothing was tested", steps)
			}
			t.Logf("%d kills", steps-1)
			return
		}
		n.restart()
		n.watch(to, probes...)
		n.sync(to)
		n.clean(to)
		for f, want := range verdictsOf(t, to, probes) {
			if got := n.passes(f); got != want {
				t.Fatalf("killed after %d steps: at last %s passes: %t, want %t", steps, f, got, want)
			}
		}
	}
}

// verdictsOf are what the flows meet where nothing but the plan was ever there.
func verdictsOf(t *testing.T, s model.Snapshot, probes []model.Flow) map[model.Flow]bool {
	t.Helper()
	n := newNode(t, "n1")
	n.sync(s)
	out := map[model.Flow]bool{}
	for _, f := range probes {
		out[f] = n.passes(f)
	}
	return out
}

// wrapped is a Runner that does something of its own before each command.
type wrapped struct {
	kernel.Runner
	before func(ctx context.Context, c kernel.Command) error
}

func (w wrapped) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	if err := w.before(ctx, c); err != nil {
		return nil, &kernel.RunError{Argv: c.Argv, Stderr: err.Error(), Err: err}
	}
	return w.Runner.Run(ctx, c)
}

// TestScenario05ToolsThatFail: each command of a sync fails in turn, or stops in the middle
// of its input, or hangs until its time is over. What was in force stays in force or has
// been replaced whole, and the next sync makes it right.
//
// Source: NPM#2963, kr#1072.
//
// Level: simulated kernel, each command and each line; the agent's half (metric, retry) is part of scenario 10.
//
// Lab: not on the lab: there the real tools run, and can't be told to fail at a chosen line.
func TestScenario05ToolsThatFail(t *testing.T) {
	from, to := edit(t)
	probes := all(from)
	type fault func(n *node, ctx context.Context) error
	for name, happens := range map[string]fault{
		"error": func(*node, context.Context) error { return errors.New("some tool v1.2: no") },
		"hang": func(_ *node, ctx context.Context) error { // until its time is over, see kernel.Exec
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			<-ctx.Done()
			return ctx.Err()
		},
		"partial": func(n *node, _ context.Context) error {
			judge, lines := n.fake.Step, 0
			n.fake.Step = func(text string) error {
				if lines++; lines > 1 {
					return errors.New("ipset v7.17: Error in line 2: Kernel error received: set is full")
				}
				return judge(text)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			for nth := 1; failNth(t, nth, from, to, probes, happens); nth++ {
			}
		})
	}
}

// failNth lets the nth command of a sync fail. It reports false when there are not as many.
func failNth(t *testing.T, nth int, from, to model.Snapshot, probes []model.Flow, happens func(*node, context.Context) error) bool {
	t.Helper()
	n := newNode(t, "n1")
	n.sync(from)
	w := n.watch(to, probes...)
	judge := n.fake.Step
	commands := 0
	var ended error // of the nth command; a partial one ends later, if it has lines enough
	n.kernel = kernel.New(kernel.Options{Runner: wrapped{n.fake, func(ctx context.Context, _ kernel.Command) error {
		if commands++; commands == nth {
			ended = happens(n, ctx)
			return ended
		}
		return nil
	}}})
	_, err := n.kernel.Sync(context.Background(), plan.Compile(to, "n1"), kernel.Hints{})
	n.fake.Step = judge
	if commands < nth {
		if nth < 5 {
			t.Fatalf("a sync takes %d commands only: nothing was tested", nth)
		}
		return false
	}
	if err == nil && ended != nil {
		t.Errorf("command %d failed and the sync did not say so", nth)
	}
	for _, f := range probes {
		if got := n.passes(f); got != w.before[f] && got != w.now[f] {
			t.Fatalf("command %d failed (%v) and %s passes: %t", nth, err, f, got)
		}
	}
	n.sync(to)
	n.clean(to)
	for _, f := range probes {
		if got := n.passes(f); got != w.now[f] {
			t.Fatalf("command %d failed and was healed, but %s passes: %t, want %t", nth, f, got, w.now[f])
		}
	}
	return true
}

// TestScenario08SetOfAnUnknownRevision: some other tool has a set that our ipset can't
// print. Whoever lists all sets, or saves them, fails for ever.
//
// Source: cal#4739, cal#11051.
//
// Level: simulated kernel whose ipset refuses to print anything but names, and sets of ours by name.
//
// Lab: not on the lab: a set of a revision that the installed ipset does not know takes a second, newer ipset.
func TestScenario08SetOfAnUnknownRevision(t *testing.T) {
	n := newNode(t, "n1")
	if err := n.fake.Machine.RestoreSets(strings.NewReader("create other-set hash:net family inet\n"), false); err != nil {
		t.Fatal(err)
	}
	asked := 0
	n.kernel = kernel.New(kernel.Options{Runner: wrapped{n.fake, func(_ context.Context, c kernel.Command) error {
		words := strings.Join(c.Argv, " ")
		if c.Argv[0] != "ipset" || words == "ipset list -n" || strings.HasPrefix(words, "ipset restore") || words == "ipset -" && savesOnlyOurs(t, c) {
			return nil
		}
		asked++
		return errors.New("ipset v7.17: Kernel support protocol versions 6-7 while userspace supports protocol versions 6-7: revision 9 not supported")
	}}})
	from, to := edit(t)
	n.sync(from)
	n.sync(to)
	if d, err := n.kernel.Verify(context.Background()); err != nil || d.Any() {
		t.Errorf("verify: %+v, %v", d, err)
	}
	if asked > 0 {
		t.Errorf("%d commands touched what they can't read", asked)
	}
	if !slices.Contains(n.fake.Machine.Sets(), "other-set") {
		t.Error("the other tool's set is gone")
	}
}

// savesOnlyOurs looks at what an interactive ipset is asked for.
func savesOnlyOurs(t *testing.T, c kernel.Command) bool {
	t.Helper()
	var in bytes.Buffer
	if err := c.Stdin(&in); err != nil || in.Len() == 0 {
		t.Fatalf("read input of %q: %d bytes, %v", c.Argv, in.Len(), err)
	}
	for line := range strings.Lines(in.String()) {
		if !strings.HasPrefix(line, "save "+plan.SetPrefix) {
			return false
		}
	}
	return true
}

// TestScenario25RepliesWhilePoliciesLand: a client has connected, the server streams back,
// and policies that deny the flow land. Not one packet of a known flow is dropped, at no
// step of the sync.
//
// Source: aws#345, aws#189.
//
// Level: simulated kernel, packets of known flows after every step.
//
// Lab: make chaos (continuous TCP) and case update-policy.
func TestScenario25RepliesWhilePoliciesLand(t *testing.T) {
	s := world()
	closed := with(t, s, "x/p", `{podSelector: {}, policyTypes: [Ingress, Egress]}`, "y/p", `{podSelector: {}, policyTypes: [Ingress, Egress]}`)
	n := newNode(t, "n1")
	n.sync(s)
	steps := 0
	n.fake.Step = func(text string) error {
		steps++
		for _, f := range flows(s, "y/a > x/a:80/TCP", "x/a > y/c:53/UDP", "y/a6 > x/a6:80/TCP") {
			later := simnet.PacketOf(f)
			later.State = iptsim.Established
			reply := later
			reply.Src, reply.Dst, reply.Reply = f.Server, f.Client, true
			if !passes(t, n.fake.Machine, later) || !passes(t, n.fake.Machine, reply) {
				t.Errorf("a packet of the known flow %s is dropped after: %s", f, text)
			}
		}
		return nil
	}
	n.sync(closed)
	if steps == 0 || n.passes(flow(s, "y/a > x/a:80/TCP")) {
		t.Error("the policies did not land: nothing was tested")
	}
}
