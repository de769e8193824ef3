package scenarios

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/model"
)

const closedX = `{podSelector: {}}`

// TestScenario03DeletedAndRecreated: a policy is deleted and made again under the same name
// with other content, at once or when the deletion has been seen. The last content counts,
// and nothing of the others is left.
//
// Source: NPM#2977, NPM#2978, NPM#2990.
//
// Level: agent between fake API server and simulated kernel.
//
// Lab: cases update-policy and update-delete-policy; make chaos deletes and recreates 100 times.
func TestScenario03DeletedAndRecreated(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	s := world()
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("ready", b.Ready)
	version := func(i int) *netv1.NetworkPolicy {
		p := blocks("x/p", fmt.Sprintf("203.0.113.%d/32", i))
		p.UID = types.UID(fmt.Sprint("uid-", i))
		return p
	}
	const last = 60
	for i := range last {
		b.API.Set(version(i))
		if r.IntN(2) == 0 {
			b.Until("content in force", b.all(s, fmt.Sprintf("203.0.113.%d > x/a:80/TCP allow", i), "y/a > x/a:80/TCP deny"))
		}
		b.API.Delete(version(i))
		if r.IntN(2) == 0 {
			b.Until("policy gone", b.all(s, "y/a > x/a:80/TCP allow"))
		}
	}
	b.API.Set(version(last))
	b.Until("last content in force", b.all(s, "203.0.113.60 > x/a:80/TCP allow", "203.0.113.59 > x/a:80/TCP deny", "y/a > x/a:80/TCP deny"))
	b.Until("nothing left of the others", func() bool {
		b.Lock()
		defer b.Unlock()
		blocks := slices.DeleteFunc(b.Kernel.Machine.Sets(), func(name string) bool { return !strings.HasPrefix(name, "npe-b4") })
		return len(blocks) == 1
	})
}

// TestScenario10LockHeld: for a while every write fails since another program holds the
// xtables lock. What is in force stays, the agent says that it is behind, does not end, and
// catches up when the lock is free.
//
// Source: felix#1504, felix#2179, felix#1903, NPM#1969.
//
// Level: agent between fake API server and simulated kernel; TestScenario10LockHeldForReal holds the real lock.
//
// Lab: make chaos holds the lock for 30 s.
func TestScenario10LockHeld(t *testing.T) {
	s := with(t, world(), "x/p", closedX)
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("policy in force", b.all(s, "y/a > x/a:80/TCP deny"))
	b.Until("ready", b.Ready)
	b.Break(errors.New("Another app is currently holding the xtables lock; still 4s 0us time ahead to have a chance to grab the lock..."))
	b.API.Set(policy(t, "y/q", closedX))
	b.API.Delete(s.Policies[0])
	b.Until("it says that it is behind", func() bool {
		code, body := b.Get("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "xtables lock") && b.metric("npenf_pending_changes 2") && b.metric("npenf_synced 0")
	})
	if _, body := b.Get("/metrics"); !strings.Contains(body, `npenf_exec_errors_total{family="inet",tool="iptables-restore"}`) {
		t.Error("no metric counts the failures")
	}
	if !b.all(s, "y/a > x/a:80/TCP deny", "x/a > y/a:80/TCP allow")() {
		t.Error("something has changed although nothing could be written")
	}
	b.Break(nil)
	free := time.Now()
	b.Until("caught up", b.all(s, "y/a > x/a:80/TCP allow", "x/a > y/a:80/TCP deny"))
	t.Logf("caught up %s after the lock was free", time.Since(free))
	b.Until("it says that all is well", func() bool { return b.Ready() && b.metric("npenf_pending_changes 0") })
}

// TestScenario11DriftRepaired: another tool deletes our jump, flushes our chain, empties our
// sets, or restores the table without us. All is repaired and counted.
//
// Source: Felix's refresh intervals, cal#11051.
//
// Level: agent between fake API server and simulated kernel; enforcer/kernel repeats the damages on both real backends.
//
// Lab: make chaos, where the time of the repair is the figure.
func TestScenario11DriftRepaired(t *testing.T) {
	s := with(t, world(), "x/p", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}`)
	right := []string{"y/a > x/a:80/TCP deny", "x/b > x/a:80/TCP allow"}
	for _, tc := range []struct {
		name, object string
		damage       func(b *bench)
	}{
		{"jump deleted", "jump", func(b *bench) { b.feed("-D FORWARD -j NPE-FWD") }},
		{"chain flushed", "chain", func(b *bench) { b.feed("-F NPE-FWD") }},
		{"foreign rule in our chain", "chain", func(b *bench) { b.feed("-I NPE-FWD -j RETURN") }},
		{"set emptied", "set", func(b *bench) { b.empty("npe-i4") }},
		{"table restored without us", "chain", func(b *bench) {
			lines := []string{"-D PREROUTING -j NPE-PRE", "-D FORWARD -j NPE-FWD", "-D INPUT -j NPE-HOST"}
			for _, verb := range []string{"-F ", "-X "} {
				for _, c := range b.chains() {
					lines = append(lines, verb+c)
				}
			}
			b.feed(lines...)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.load(s)
			b.start()
			b.Until("policy in force", b.all(s, right...))
			b.Until("ready", b.Ready)
			tc.damage(b)
			b.Until("repaired", b.all(s, right...))
			b.Until("counted", func() bool {
				_, body := b.Get("/metrics")
				return strings.Contains(body, `npenf_repairs_total{object="`+tc.object+`"} `)
			})
			if n := strings.Count(b.Log.String(), "repairing"); n != 1 {
				t.Errorf("%d log lines about it, want 1:\n%s", n, b.Log)
			}
		})
	}
}

func (b *bench) chains() []string {
	b.Lock()
	defer b.Unlock()
	return b.Kernel.Machine.Chains(iptsim.IPv4)
}

// empty is another tool that flushes a set, by its own ipset.
func (b *bench) empty(prefix string) {
	b.T.Helper()
	b.Lock()
	defer b.Unlock()
	for _, name := range b.Kernel.Machine.Sets() {
		if strings.HasPrefix(name, prefix) {
			if _, err := b.Kernel.Run(b.T.Context(), command("ipset restore", "flush "+name+"\n")); err != nil {
				b.T.Fatal(err)
			}
		}
	}
}

// TestScenario12AddressReused: a Job's pod has completed and keeps its address in its
// status; a pod of another namespace with other labels gets the address. Only its own
// policies count, also when the old pod's deletion comes last.
//
// Source: NPM#428, NPM#562, kr#1056, antrea#6507, weave#3177.
//
// Level: agent between fake API server and simulated kernel.
//
// Lab: case life-pod-recreated; that an address is used again at once is forced here only.
func TestScenario12AddressReused(t *testing.T) {
	s := with(t, world(), "x/p", closedX, "z/p", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: x}}}]}]}`)
	job := pod("x/job", "n1", "10.0.1.200")
	heir := pod("y/heir", "n1", "10.0.1.200")
	s.Pods = append(s.Pods, job)
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("the job is isolated, and a peer", b.all(s, "y/a > x/job:80/TCP deny", "x/job > z/a:80/TCP allow"))
	done := apiPod(job)
	done.Status.Phase = corev1.PodSucceeded
	b.API.Set(done)
	b.API.Set(apiPod(heir))
	b.Until("the heir has its own policies", b.all(s, "y/a > x/job:80/TCP allow", "x/job > z/a:80/TCP deny"))
	b.API.Delete(apiPod(job))
	b.API.Set(policy(t, "y/late", closedX))
	b.Until("and keeps them", b.all(s, "y/a > x/job:80/TCP deny", "x/job > z/a:80/TCP deny"))
}

// TestScenario13PolicyBeforeAddress: the policy is there first, the pod is pending without
// an address. It is enforced as soon as it has one.
//
// Source: kr#378.
//
// Level: agent between fake API server and simulated kernel.
//
// Lab: case life-pod-under-policy.
func TestScenario13PolicyBeforeAddress(t *testing.T) {
	s := with(t, world(), "x/p", closedX)
	late := pod("x/late", "n1")
	b := newBench(t)
	b.load(s)
	b.API.Set(apiPod(late))
	b.start()
	b.Until("ready", b.Ready)
	late = pod("x/late", "n1", "10.0.1.200")
	b.API.Set(apiPod(late))
	s.Pods = append(s.Pods, late)
	b.Until("enforced", b.all(s, "y/a > x/late:80/TCP deny"))
}

// TestScenario14NamespaceComesLate: pods and policies are there, their namespaces are not
// yet. Nothing crashes, nobody is a peer by a negation that holds because nothing is known,
// and all is right once they come.
//
// Source: weave#3059.
//
// Level: agent between fake API server and simulated kernel; enforcer/watch holds back each kind in turn.
//
// Lab: case life-namespace; events are not delayed there.
func TestScenario14NamespaceComesLate(t *testing.T) {
	s := with(t, world(), "x/p", `{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [z]}]}}]}]}`)
	b := newBench(t)
	b.load(s)
	b.API.Delete(apiNamespace(s.Namespaces[1]))
	release := b.API.Hold("namespaces")
	defer release()
	b.start()
	b.Until("all but namespaces in sync", func() bool {
		_, body := b.Get("/readyz")
		return strings.HasSuffix(strings.TrimSpace(body), "not listed yet: namespace")
	})
	if got := b.chains(); len(got) > 0 {
		t.Fatalf("chains before sync: %v", got)
	}
	release()
	b.Until("y is unknown and no peer", b.all(s, "x/b > x/a:80/TCP allow", "z/a > x/a:80/TCP deny", "y/a > x/a:80/TCP deny"))
	b.API.Set(apiNamespace(s.Namespaces[1]))
	b.Until("y is a peer", b.all(s, "y/a > x/a:80/TCP allow", "z/a > x/a:80/TCP deny"))
}

// TestScenario24ShortLivedPods: pods that live for a moment under an existing policy. The
// time from their event until they are isolated is the window in which they leak, if nothing
// else holds them back; it is recorded. Afterwards nothing of them is left.
//
// Source: kr#873, k3s#13432, knp#171, aws#83.
//
// Level: agent between fake API server and simulated kernel: the window of the enforcer's own part.
//
// Lab: the whole window, with the container's start in it, is recorded on kind by suites/kindtest, which also shows that default-deny-unknown closes it.
func TestScenario24ShortLivedPods(t *testing.T) {
	s := with(t, world(), "x/p", closedX)
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("policy in force", b.all(s, "y/a > x/a:80/TCP deny"))
	var windows []time.Duration
	for i := range rounds(200) {
		short := pod(fmt.Sprint("x/short", i), "n1", fmt.Sprintf("10.0.1.%d", 100+i%100))
		short.UID = fmt.Sprint("short", i)
		b.Host.Plug(short.IPs[0], true)
		f := flow(s, "y/a > "+short.IPs[0].String()+":80/TCP")
		begin := time.Now()
		b.API.Set(apiPod(short))
		b.Until("isolated", func() bool { return !b.passes(f) })
		windows = append(windows, time.Since(begin))
		b.API.Delete(apiPod(short))
		b.Host.Plug(short.IPs[0], false)
		b.Until("forgotten", func() bool { return b.passes(f) })
	}
	slices.Sort(windows)
	t.Logf("window of %d pods: median %s, p99 %s, max %s", len(windows), windows[len(windows)/2], windows[len(windows)*99/100], windows[len(windows)-1])
}

// TestScenario34ManyPoliciesAtOnce: a hundred policies in ten namespaces arrive at once, and
// go at once. They are coalesced into few syncs by one writer.
//
// Source: antrea#2949, NPM#1969.
//
// Level: agent between fake API server and simulated kernel, in small; TestScenario34ManyPoliciesForReal times both backends.
//
// Lab: 1,000 policies wait for a run at scale.
func TestScenario34ManyPoliciesAtOnce(t *testing.T) {
	s := world()
	for i := range 10 {
		ns := fmt.Sprint("many", i)
		s.Namespaces = append(s.Namespaces, model.Namespace{Name: ns})
		s.Pods = append(s.Pods, pod(ns+"/a", "n1", fmt.Sprintf("10.0.1.%d", 100+i)))
	}
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("ready", b.Ready)
	var pins, gone []string
	for i := range 100 {
		ns := fmt.Sprint("many", i%10)
		b.API.Set(blocks(fmt.Sprintf("%s/p%d", ns, i), fmt.Sprintf("203.0.113.%d/32", i)))
		pins = append(pins, fmt.Sprintf("203.0.113.%d > %s/a:80/TCP allow", i, ns), fmt.Sprintf("198.51.100.1 > %s/a:80/TCP deny", ns))
		gone = append(gone, fmt.Sprintf("198.51.100.1 > %s/a:80/TCP allow", ns))
	}
	b.Until("all in force", b.all(s, pins...))
	for i := range 100 {
		b.API.Delete(blocks(fmt.Sprintf("many%d/p%d", i%10, i)))
	}
	b.Until("all gone", b.all(s, gone...))
	b.Lock()
	defer b.Unlock()
	t.Logf("%d commands for 200 changes", len(b.Kernel.Commands))
}

// TestScenario35LogUnderChurn: hundreds of changes of everything leave no line in the log.
//
// Source: NPM#598.
//
// Level: agent between fake API server and simulated kernel.
//
// Lab: an hour of churn is for kind later.
func TestScenario35LogUnderChurn(t *testing.T) {
	s := with(t, world(), "x/p", closedX)
	b := newBench(t)
	b.load(s)
	b.start()
	b.Until("ready", b.Ready)
	lines := strings.Count(b.Log.String(), "\n")
	for i := range int64(300) {
		b.API.Set(generation(blocks("y/churn", fmt.Sprintf("203.0.113.%d/32", i%200)), i+1))
		b.API.Set(apiPod(pod("y/churn", "n1", fmt.Sprintf("10.0.1.%d", 100+i%100))))
	}
	b.API.Set(policy(t, "z/last", closedX))
	b.Until("the last is in force", b.all(s, "y/a > z/a:80/TCP deny"))
	if now := strings.Count(b.Log.String(), "\n"); now > lines {
		t.Errorf("600 changes made %d lines of log:\n%s", now-lines, b.Log)
	}
}

// TestScenario40StartWithManyPods: the agent starts into a cluster with many pods, with
// streamed lists and without. Label sets and names are shared, whatever the way.
//
// Source: k8s#111370, client-go#1415.
//
// Level: watcher on a fake API server, 2,000 pods; counts what is held.
//
// Lab: 20,000 pods and VmHWM wait for a run at scale.
func TestScenario40StartWithManyPods(t *testing.T) {
	for _, streaming := range []bool{true, false} {
		t.Run(fmt.Sprintf("streaming=%v", streaming), func(t *testing.T) {
			b := newBench(t)
			if !streaming {
				b.API.WithoutStreaming()
			}
			s := with(t, world(), "x/p", closedX)
			b.load(s)
			const more = 2000
			for i := range more {
				p := pod(fmt.Sprint("y/more", i), fmt.Sprint("far", i%250), fmt.Sprintf("10.%d.%d.1", 10+i/250, i%250))
				p.Labels = map[string]string{"app": fmt.Sprint(i % 20)}
				b.API.Set(apiPod(p))
			}
			b.start()
			b.Until("policy in force", b.all(s, "y/a > x/a:80/TCP deny"))
			b.Until("counted", func() bool {
				return b.metric(fmt.Sprintf(`npenf_cache_objects{kind="%s"} %d`, watch.Pods, more+len(s.Pods))) && b.metric("npenf_label_sets 23")
			})
		})
	}
}
