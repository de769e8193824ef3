package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	"github.com/netassay/netassay/probe/pods"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/fixture"
	"github.com/netassay/netassay/suites/steady"
	"github.com/netassay/netassay/suites/steady/account"
)

// SentinelFleet is what sentinels are watched with: a fleet of their own, so that no pod of a
// case is asked what it has received of them. A *probe.Fleet is one.
type SentinelFleet interface {
	flows.Fleet
	Add(ctx context.Context, name string, d probe.Dial) error
	Close() error
}

const (
	// soak is how long sentinels are watched at least.
	soak = 10 * time.Second
	// connectEvery is the time between rounds of new connections of a sentinel.
	connectEvery = 100 * time.Millisecond
	// connectTimeout is how long they may take.
	connectTimeout = 900 * time.Millisecond
	// deniedAtOnce is how many a client that is denied tries of each flow in a round, which lasts
	// until they time out: some 20 each second, so that a run of minutes finds what leaks 0.1 %.
	deniedAtOnce = 10
	// dns is the source port of rare datagrams: an engine that takes them for answers to a pod's
	// questions lets them pass.
	dns = 53
	// looks is how often in a row flows must be right before they are watched.
	looks = 3
)

// sentinels watch flows whose verdict nothing changes while cases are played.
type sentinels struct {
	*stage
	every          time.Duration
	watching       SentinelFleet
	tell           func(*v1.Finding)
	policed, floor *steady.Load
	starved        *starvation
	created        time.Duration // the policy

	stop    context.CancelFunc
	stopped sync.WaitGroup
	started chan struct{} // closed when streams run
	waits   string        // what is waited for before they do
	begun   time.Duration
	failed  error     // why they could not be watched
	delays  []float64 // of the floor's connections, in milliseconds
}

// newSentinels makes pods and policy. With an error the sentinels say so when they are judged.
func (s *stage) newSentinels(ctx context.Context, cfg Config, tell func(*v1.Finding)) *sentinels {
	n := &sentinels{stage: s, every: cfg.Sentinel, watching: cfg.SentinelFleet, tell: tell, started: make(chan struct{}), stop: func() {}}
	if n.failed = n.create(ctx); n.failed != nil {
		return n
	}
	n.starved = newStarvation(s.processor)
	ctx, n.stop = context.WithCancel(ctx)
	n.stopped.Go(func() { n.watch(ctx) })
	return n
}

func (n *sentinels) create(ctx context.Context) error {
	if err := n.createNamespace(ctx, n.objects.SentinelNamespaceObject()); err != nil {
		return err
	}
	names := fixture.SentinelPods()
	made := make([]probe.Pod, len(names))
	g, gctx := errgroup.WithContext(ctx)
	for i, name := range names {
		g.Go(func() (err error) {
			made[i], err = n.startSentinel(gctx, name)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	server, free, friend, stranger := made[0], made[1], made[2], made[3]
	n.policed, n.floor = n.load("sentinels"), n.load("floor")
	n.policed.Pass = flows.To(server, fixture.SentinelPort, friend)
	n.policed.Drop = flows.To(server, fixture.SentinelPort, stranger)
	for _, f := range n.policed.Drop {
		f.From = dns
		n.policed.Rare = append(n.policed.Rare, f)
	}
	n.floor.Pass = flows.To(free, fixture.SentinelPort, friend)
	for _, l := range []*steady.Load{n.policed, n.floor} {
		for _, f := range l.Pass {
			f.Established = true
			l.Kept = append(l.Kept, f)
		}
	}
	n.floor.Seen = func(_ account.Segment, _ flows.Flow, _ bool, o probe.Observation) {
		if o.Result == probe.Connected {
			n.delays = append(n.delays, millis(o.Done-o.Sent))
		}
	}
	policy := n.objects.SentinelPolicyObject()
	if _, err := n.client.NetworkingV1().NetworkPolicies(policy.Namespace).Create(ctx, policy, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create policy of sentinels: %w", err)
	}
	n.created = n.now()
	return nil
}

func (n *sentinels) startSentinel(ctx context.Context, name string) (probe.Pod, error) {
	object := n.objects.SentinelPodObject(name)
	running, err := n.startPod(ctx, object, nil)
	if err != nil {
		return probe.Pod{}, err
	}
	listen := fmt.Sprintf("%d/tcp,%[1]d/udp", fixture.SentinelPort)
	r := pods.Resident{Name: name, Namespace: object.Namespace, Pod: object.Name, Listen: listen}
	if err := n.dial(ctx, n.watching, r, n.cluster); err != nil {
		return probe.Pod{}, fmt.Errorf("start prober of sentinel %s: %w", name, err)
	}
	p := probe.Pod{Name: name, Node: object.Spec.NodeName}
	for _, f := range n.objects.Families {
		if addr := f.First(statusIPs(running)); addr.IsValid() {
			p.Addrs = append(p.Addrs, addr)
		}
	}
	return p, nil
}

// load is one without flows yet. It waits for as long as it is let, and takes silence for a
// deny only when that is as long as in a case.
func (n *sentinels) load(phase string) *steady.Load {
	return &steady.Load{
		Interval: n.every, Connect: connectTimeout, Pace: connectEvery, Fresh: deniedAtOnce,
		Record:  func(all ...v1.Record) { n.record(phase, all) },
		Watcher: flows.Watcher{Fleet: n.watching, Silence: n.timing.Silence, Deadline: 24 * time.Hour, Refusing: true},
	}
}

// record tells of findings, with what was at work then.
func (n *sentinels) record(phase string, all []v1.Record) {
	for _, r := range all {
		if f, ok := r.(*v1.Finding); ok {
			f.Phase = phase
			f.At = n.wall(f.From)
			f.During = n.journal.during(f.From, f.To)
			n.tell(f)
		}
	}
}

// watch waits until all flows are right, and watches them until ctx is done.
func (n *sentinels) watch(ctx context.Context) {
	for range looks { // one that is slow may be taken for a deny
		if n.failed = n.await(ctx); n.failed != nil {
			return
		}
	}
	if n.failed = errors.Join(n.floor.Start(ctx), n.policed.Start(ctx)); n.failed != nil {
		return
	}
	n.begun = n.now()
	close(n.started)
	var g errgroup.Group
	for _, l := range []*steady.Load{n.floor, n.policed} {
		g.Go(func() error {
			err := l.Under(ctx, "steady", func(ctx context.Context) error {
				<-ctx.Done()
				return nil
			})
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		})
	}
	n.failed = g.Wait()
}

// What is waited for before anything is watched.
const (
	reachable = "pods without a policy to reach each other"
	allowed   = "what the policy allows to pass"
	denied    = "what the policy denies to be denied"
)

func (n *sentinels) await(ctx context.Context) error {
	n.waits = reachable
	if err := n.floor.Await(ctx); err != nil {
		return err
	}
	n.waits = allowed
	if err := n.policed.Watcher.Await(ctx, n.policed.Pass, true); err != nil {
		return err
	}
	n.waits = denied
	return n.policed.Watcher.Await(ctx, n.policed.Drop, false)
}

// finish watches until the soak is over, unless ctx is done, ends everything, and judges.
func (n *sentinels) finish(ctx context.Context) *v1.Sentinel {
	n.outlast(ctx)
	n.stop()
	n.stopped.Wait()
	defer func() { _ = n.watching.Close() }() // its probers go with their pods
	if n.begun == 0 {
		return n.unwatched(ctx)
	}
	ended := n.now()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	err := errors.Join(n.failed, n.policed.End(bounded), n.floor.End(bounded))
	policed, floor := n.policed.Tally(), n.floor.Tally()
	j := account.Against(policed, floor, n.slow())
	switch {
	case j.Outcome == v1.Fail && j.Kind == v1.Leak:
	case err != nil:
		j.Outcome, j.Kind, j.Reason = v1.Inconclusive, "", "watch sentinels: "+err.Error()
	case ctx.Err() != nil && j.Outcome == v1.Inconclusive:
		j.Outcome, j.Reason = v1.Unfinished, "the run was stopped"
	}
	return &v1.Sentinel{
		Outcome: j.Outcome, Kind: j.Kind, Reason: j.Reason, Notes: j.Notes, Flows: len(n.policed.Pass) + len(n.policed.Drop),
		Seconds: (ended - n.begun).Seconds(), IntervalMS: millis(n.every), Tally: policed.Tally,
		Floor: n.noise(floor),
	}
}

// outlast waits until streams have run for the soak, or could have begun for as long as a
// verdict may take to become right.
func (n *sentinels) outlast(ctx context.Context) {
	if n.failed != nil && n.created == 0 {
		return
	}
	patience := max(soak, n.timing.Deadline)
	patience += grace(n.starved.measure(), n.timing.Deadline)
	limit, cancel := context.WithTimeout(ctx, max(0, n.created+patience-n.now()))
	defer cancel()
	select {
	case <-n.started:
		_ = flows.Pause(ctx, n.begun+soak-n.now()) // a run that is stopped is watched for less
	case <-limit.Done():
	}
}

// unwatched is what is to be said when flows never were right.
func (n *sentinels) unwatched(ctx context.Context) *v1.Sentinel {
	out := &v1.Sentinel{Outcome: v1.Inconclusive, IntervalMS: millis(n.every)}
	switch {
	case ctx.Err() != nil:
		out.Outcome, out.Reason = v1.Unfinished, "the run was stopped"
	case n.created == 0:
		out.Reason = "set up sentinels: " + n.failed.Error()
	default:
		out.Reason = fmt.Sprintf("waited %.1f s in vain for %s: %v", (n.now() - n.created).Seconds(), n.waits, n.failed)
		if kind := n.stillWrong(ctx); kind != "" {
			out.Outcome, out.Kind = v1.Fail, kind
		}
	}
	return out
}

// stillWrong looks several times more at what was waited for, and says what it is when that
// is clear each time: the deny passes, or the allow does not while pods without a policy
// reach each other.
func (n *sentinels) stillWrong(ctx context.Context) v1.FailureKind {
	for range looks {
		switch free := n.connected(ctx, n.floor.Pass); {
		case n.waits == denied && n.connected(ctx, n.policed.Drop) > 0:
		case n.waits == allowed && free == len(n.floor.Pass) && n.connected(ctx, n.policed.Pass) < len(n.policed.Pass):
		default:
			return ""
		}
	}
	if n.waits == denied {
		return v1.Leak
	}
	return v1.Outage
}

// connected is how many of these flows of one client connect now.
func (n *sentinels) connected(ctx context.Context, all []flows.Flow) int {
	var targets []probe.Target
	for i, f := range all {
		targets = append(targets, probe.Target{Cell: i, Addr: f.Addr, Protocol: "TCP", Timeout: connectTimeout})
	}
	obs, err := n.watching.Probe(ctx, all[0].Client, targets)
	if err != nil {
		return 0
	}
	count := 0
	for _, o := range obs {
		if o.Result == probe.Connected {
			count++
		}
	}
	return count
}

// slow reports whether connections that no policy decides took so long that others may have
// been given up too early.
func (n *sentinels) slow() bool {
	longest := v1.Quantile(n.delays, 1)
	return longest == nil || *longest > millis(connectTimeout)/2
}

func (n *sentinels) noise(t account.Tally) v1.NoiseFloor {
	return v1.NoiseFloor{
		Sent: t.UDP.MustPass, Lost: t.UDP.Lost, Overflow: t.UDP.Overflow, Connections: t.TCP.MustPass, Failed: t.TCP.Lost,
		DelayP50: v1.Quantile(n.delays, 0.5), DelayP99: v1.Quantile(n.delays, 0.99), DelayMax: v1.Quantile(n.delays, 1),
	}
}
