package load

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/internal/golden"
)

func TestDue(t *testing.T) {
	for _, tc := range []struct {
		rate float64
		want []time.Duration
	}{
		{1, []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}},
		{20, []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond}},
	} {
		t.Run(fmt.Sprint(tc.rate), func(t *testing.T) {
			o := Generate(parse(t, small))
			var got []time.Duration
			for change := range NewChurning(&o).Schedule(Churn{Rate: tc.rate, For: tc.want[3] + 1, Kinds: Kinds()}) {
				got = append(got, change.Due)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// world applies changes as an API server would, and refuses what it would refuse.
type world struct {
	policies map[string]*netv1.NetworkPolicy
	pods     map[string]Pod
	ips      map[netip.Addr]string
}

func newWorld(o *Objects) *world {
	w := &world{policies: map[string]*netv1.NetworkPolicy{}, pods: map[string]Pod{}, ips: map[netip.Addr]string{}}
	for i := range o.Policies {
		w.policies[o.Policies[i].Namespace+"/"+o.Policies[i].Name] = &o.Policies[i]
	}
	for _, p := range o.Pods {
		w.pods[p.Namespace+"/"+p.Name] = p
		for _, ip := range p.IPs {
			w.ips[ip] = p.Name
		}
	}
	return w
}

func (w *world) apply(t *testing.T, write Write) {
	t.Helper()
	switch {
	case write.Policy != nil:
		key := write.Policy.Namespace + "/" + write.Policy.Name
		if _, there := w.policies[key]; there == (write.Verb == Create) {
			t.Fatalf("%s %s: there before is %t", write.Verb, write.Object(), there)
		}
		w.policies[key] = write.Policy
		if write.Verb == Delete {
			delete(w.policies, key)
		}
	case write.Pod != nil:
		w.pod(t, write)
	}
}

func (w *world) pod(t *testing.T, write Write) {
	t.Helper()
	p := *write.Pod
	key := p.Namespace + "/" + p.Name
	if _, there := w.pods[key]; there == (write.Verb == Create) {
		t.Fatalf("%s %s: there before is %t", write.Verb, write.Object(), there)
	}
	for _, ip := range p.IPs {
		owner, taken := w.ips[ip]
		if write.Verb == Create && taken || write.Verb != Create && owner != p.Name {
			t.Fatalf("%s %s: %s is %q's", write.Verb, write.Object(), ip, owner)
		}
		w.ips[ip] = p.Name
		if write.Verb == Delete {
			delete(w.ips, ip)
		}
	}
	w.pods[key] = p
	if write.Verb == Delete {
		delete(w.pods, key)
	}
}

// Whatever the load and the kinds, an API server takes every change, those of a second churn
// too, and what Generate gave stays as it is.
func TestScheduleProperty(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		p := parse(t, fmt.Sprintf("nodes=%d pods=%d ns=%d policies=%d cidrs=%d except=%g overlap=%g dedupe=%s families=%s seed=%d local=0",
			1+r.IntN(5), 1+r.IntN(100), 1+r.IntN(5), r.IntN(30), 1+r.IntN(40), r.Float64()*16, r.Float64(),
			[]string{"friendly", "hostile"}[r.IntN(2)], []string{"ipv4", "ipv6", "dual"}[r.IntN(3)], r.Uint64()))
		o := Generate(p)
		before := Generate(p)
		w := newWorld(&o)
		pods, policies := len(w.pods), len(w.policies)
		l := NewChurning(&o)
		for range 2 {
			c, n := Churn{Rate: 10, For: 30 * time.Second, Kinds: someKinds(r), Seed: r.Uint64()}, 0
			for change := range l.Schedule(c) {
				if change.Due != time.Duration(n)*100*time.Millisecond || len(change.Writes) == 0 {
					t.Fatalf("seed %d: change %d is %+v", seed, n, change)
				}
				n++
				for _, write := range change.Writes {
					w.apply(t, write)
				}
				if len(w.pods) != pods || len(w.policies) != policies {
					t.Fatalf("seed %d: %s leaves %d pods and %d policies, want %d and %d", seed, change.Kind, len(w.pods), len(w.policies), pods, policies)
				}
			}
		}
		for _, policy := range w.policies {
			checkBlocks(t, policy, map[string]string{})
		}
		if diff := cmp.Diff(before.Policies, o.Policies); diff != "" {
			t.Fatalf("seed %d: the load was changed:\n%s", seed, diff)
		}
		if diff := cmp.Diff(before.Pods, o.Pods, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Fatalf("seed %d: pods were changed:\n%s", seed, diff)
		}
	}
}

// someKinds is never empty.
func someKinds(r *rand.Rand) []Kind {
	all := Kinds()
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+r.IntN(len(all))]
}

// Each kind does what it is called.
func TestKinds(t *testing.T) {
	o := Generate(parse(t, "nodes=2 pods=40 ns=4 policies=20 cidrs=40 except=1 overlap=0 dedupe=hostile families=ipv4 local=0"))
	blocks := func(p *netv1.NetworkPolicy) (cidrs []string, excepts int) {
		for _, b := range ipBlocks(p) {
			cidrs, excepts = append(cidrs, b.CIDR), excepts+len(b.Except)
		}
		return cidrs, excepts
	}
	for _, tc := range []struct {
		kind  Kind
		check func(t *testing.T, w *world, c Change)
	}{
		{ReplaceBlocks, func(t *testing.T, w *world, c Change) {
			next := c.Writes[0].Policy
			was, _ := blocks(w.policies[next.Namespace+"/"+next.Name])
			now, _ := blocks(next)
			fresh := 0
			for i := range now {
				if now[i] != was[i] {
					fresh++
					if slices.Contains(was, now[i]) {
						t.Errorf("%s was there before", now[i])
					}
				}
			}
			if len(now) != len(was) || fresh != 4 {
				t.Errorf("%d of %d blocks are fresh, want 4 of %d", fresh, len(now), len(was))
			}
		}},
		{AddExcept, func(t *testing.T, w *world, c Change) {
			_, was := blocks(w.policies[c.Writes[0].Policy.Namespace+"/"+c.Writes[0].Policy.Name])
			if _, now := blocks(c.Writes[0].Policy); now != was+1 {
				t.Errorf("%d excepts after %d", now, was)
			}
		}},
		{RemoveExcept, func(t *testing.T, w *world, c Change) {
			_, was := blocks(w.policies[c.Writes[0].Policy.Namespace+"/"+c.Writes[0].Policy.Name])
			if _, now := blocks(c.Writes[0].Policy); now != was-1 {
				t.Errorf("%d excepts after %d", now, was)
			}
		}},
		{Recreate, func(t *testing.T, _ *world, c Change) {
			if c.Writes[0].Verb != Delete || c.Writes[1].Verb != Create || !cmp.Equal(c.Writes[0].Policy, c.Writes[1].Policy) {
				t.Errorf("%v", c.Writes)
			}
		}},
		{RotatePolicy, func(t *testing.T, _ *world, c Change) {
			a, b := c.Writes[0].Policy, c.Writes[1].Policy
			ka, ta := classify(a)
			kb, tb := classify(b)
			if a.Name == b.Name || a.Namespace != b.Namespace || ka != kb || ta != tb {
				t.Errorf("%v", c.Writes)
			}
		}},
		{PodLabel, func(t *testing.T, w *world, c Change) {
			p := c.Writes[0].Pod
			if cmp.Equal(w.pods[p.Namespace+"/"+p.Name].Labels, p.Labels) {
				t.Error("the labels are as they were")
			}
		}},
		{NSLabel, func(t *testing.T, _ *world, c Change) {
			if c.Writes[0].Namespace == nil {
				t.Errorf("%v", c.Writes)
			}
		}},
		{RestartPods, func(t *testing.T, _ *world, c Change) {
			a, b, c2, d := c.Writes[0].Pod, c.Writes[1].Pod, c.Writes[2].Pod, c.Writes[3].Pod
			if !slices.Equal(a.IPs, d.IPs) || !slices.Equal(b.IPs, c2.IPs) || a.Node != b.Node {
				t.Errorf("no swap: %v", c.Writes)
			}
		}},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			w, n := newWorld(&o), 0
			for c := range NewChurning(&o).Schedule(Churn{Rate: 10, For: 3 * time.Second, Kinds: []Kind{tc.kind}, Seed: 1}) {
				if c.Kind != tc.kind {
					t.Fatalf("got %s", c.Kind)
				}
				tc.check(t, w, c)
				for _, write := range c.Writes {
					w.apply(t, write)
				}
				n++
			}
			if n == 0 {
				t.Error("no change")
			}
		})
	}
}

func TestChurnEndsWhenNothingCanChange(t *testing.T) {
	o := Generate(parse(t, "nodes=1 pods=1 policies=5 peers=pod:1"))
	for c := range NewChurning(&o).Schedule(Churn{Rate: 1, For: time.Minute, Kinds: []Kind{ReplaceBlocks, RestartPods}}) {
		t.Fatalf("change %v of a load that has no ipBlocks and one pod", c)
	}
}

func TestSameChurnSameBytes(t *testing.T) {
	o := Generate(parse(t, small))
	var b strings.Builder
	for c := range NewChurning(&o).Schedule(Churn{Rate: 4, For: 10 * time.Second, Kinds: Kinds(), Seed: 3}) {
		fmt.Fprintf(&b, "%v %s\n", c.Due, c.Kind)
		for _, w := range c.Writes {
			fmt.Fprintf(&b, "  %s %s", w.Verb, w.Object())
			switch {
			case w.Policy != nil:
				for _, block := range ipBlocks(w.Policy) {
					fmt.Fprintf(&b, " %s", block.CIDR)
					for _, e := range block.Except {
						fmt.Fprintf(&b, "-%s", e)
					}
				}
			case w.Pod != nil:
				fmt.Fprintf(&b, " %v tier=%s", w.Pod.IPs, w.Pod.Labels["tier"])
			case w.Namespace != nil:
				fmt.Fprintf(&b, " team=%s", w.Namespace.Labels["team"])
			}
			b.WriteString("\n")
		}
	}
	golden.Check(t, "testdata/churn.txt", b.String())
}

func TestLateChangesDoNotMoveTheSchedule(t *testing.T) {
	c := Churn{Rate: 20, For: time.Hour}
	for n := range 72000 {
		if due := c.due(n); due != time.Duration(n)*50*time.Millisecond {
			t.Fatalf("change %d falls due at %v", n, due)
		}
	}
}
