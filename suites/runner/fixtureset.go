package runner

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

// fixtureSet is one set of fixture namespaces and pods, in which one case at a time is at work.
type fixtureSet struct {
	fixture.Set
	run *suite
	// tag tells the namespaces that the present case creates from those of the last one,
	// whose deletion need not be waited for.
	tag int
	// used says that a case has changed something in it since it was made.
	used bool
	// patient says that steps presume nothing, which is slower.
	patient bool
	// turn is how long an answered probe takes from the harness and back, lately: a Duration.
	turn atomic.Int64
	// verified are the kinds of cells that were seen allowed since the last change.
	verified map[cases.Kind]bool

	mu   sync.RWMutex
	pods map[string]*pod // by logical key; those that can be probed
}

// pod is a running pod of the fixture, or a node's control prober, with its prober.
type pod struct {
	key      string
	prober   string // name of its resident prober
	control  string // name of the control prober on its node
	ips      []netip.Addr
	services []netip.Addr  // cluster IPs of its Service
	since    time.Duration // when it was seen running
}

// newFixtureSet makes the namespaces, Services and pods of a fixture set and starts their probers.
func (s *suite) newFixtureSet(ctx context.Context) (*fixtureSet, error) {
	name := fmt.Sprintf("a%d", s.fixtureSets.Add(1))
	a := &fixtureSet{
		Set: fixture.Set{Run: s.objects, Name: name}, run: s,
		pods: map[string]*pod{}, verified: map[cases.Kind]bool{},
	}
	maps.Copy(a.pods, s.controls)
	a.turn.Store(int64(firstTurn))
	start := s.cfg.Now()
	g, gctx := errgroup.WithContext(ctx)
	for _, n := range cases.FixtureNamespaces() {
		if err := a.CreateNamespace(ctx, n); err != nil {
			a.remove(ctx)
			return nil, err
		}
	}
	for _, p := range cases.FixturePods() {
		g.Go(func() error { return a.CreatePod(gctx, p) })
	}
	if err := g.Wait(); err != nil {
		a.remove(ctx)
		return nil, fmt.Errorf("make fixture %s: %w", name, err)
	}
	s.tell(Event{Kind: FixtureReady, Set: name, Elapsed: s.cfg.Now() - start})
	return a, nil
}

// remove deletes the fixture set's namespaces, all that were ever made under its name, without
// waiting, and forgets its probers. Troubles are told, not returned: nothing depends on it.
func (a *fixtureSet) remove(ctx context.Context) {
	for _, p := range a.ownPods() {
		a.run.cfg.Fleet.Remove(p.prober)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	selector := fixture.Selector(a.ID) + "," + fixture.SetLabel + "=" + a.Name
	if err := deleteNamespaces(ctx, a.run.cfg.Client, selector); err != nil {
		a.run.trouble("remove fixture %s: %v", a.Name, err)
	}
}

// Namespace implements cases.Binding.
func (a *fixtureSet) Namespace(logical string) string {
	if slices.ContainsFunc(cases.FixtureNamespaces(), func(n cases.Namespace) bool { return n.Name == logical }) {
		return a.Set.Namespace(logical)
	}
	return a.Set.Namespace(fmt.Sprintf("%s%d", logical, a.tag))
}

// PodIPs implements cases.Binding.
func (a *fixtureSet) PodIPs(key string) []netip.Addr {
	if p := a.pod(key); p != nil {
		return p.ips
	}
	return nil
}

// Families implements cases.Binding.
func (a *fixtureSet) Families() []model.Family { return a.Run.Families }

// pod is a pod that can be probed, nil when there is none of that key (yet).
func (a *fixtureSet) pod(key string) *pod {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.pods[key]
}

func (a *fixtureSet) ownPods() []*pod {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var own []*pod
	for _, p := range a.pods {
		if !cases.IsNodeKey(p.key) {
			own = append(own, p)
		}
	}
	return own
}

func (a *fixtureSet) put(p *pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pods[p.key] = p
}

// drop forgets the pods for which gone is true and stops their probers.
func (a *fixtureSet) drop(gone func(key string) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, p := range a.pods {
		if !cases.IsNodeKey(key) && gone(key) {
			a.run.cfg.Fleet.Remove(p.prober)
			delete(a.pods, key)
		}
	}
}

// attach starts the resident prober of a running pod and makes it known.
func (a *fixtureSet) attach(ctx context.Context, p *pod, r pods.Resident) error {
	ctx, cancel := context.WithTimeout(ctx, a.run.cfg.Timing.Fixture)
	defer cancel()
	if err := a.run.addProber(ctx, r); err != nil {
		return fmt.Errorf("start prober of pod %s: %w", p.key, err)
	}
	a.awaitServers(ctx, p)
	a.put(p)
	return nil
}

// addProber starts a resident prober, and tries again until ctx ends: an API server may be
// too busy to exec, or away for a moment.
func (s *suite) addProber(ctx context.Context, r pods.Resident) error {
	r.Gather = s.cfg.Timing.Gather
	for wait := firstAddRetry; ; wait = min(2*wait, lastAddRetry) {
		err := s.cfg.Fleet.Add(ctx, r.Name, r.Dial(s.cfg.Cluster))
		if err == nil || probe.Unfit(err) {
			return err
		}
		retry := time.NewTimer(wait)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
			return err
		}
	}
}

// firstTurn is taken for the turn until something is known of it.
const firstTurn = 100 * time.Millisecond

const (
	firstAddRetry = 100 * time.Millisecond // doubles
	lastAddRetry  = 2 * time.Second
)

// awaitServers waits until the pod's servers answer its own node, so that no server that is
// still starting is mistaken for a refusal. One that never answers is left to the live
// controls.
func (a *fixtureSet) awaitServers(ctx context.Context, p *pod) {
	var missing batch
	for _, f := range a.Families() {
		for _, served := range cases.DefaultProbes() {
			if addr := f.First(p.ips); addr.IsValid() {
				missing.add(a.run.cfg.Timing.Timeout, p.key, addr, served)
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, serversTimeout)
	defer cancel()
	_ = a.run.poll(ctx, func(ctx context.Context) (bool, error) { // only ever ends by ctx
		obs, err := a.run.cfg.Fleet.Probe(ctx, p.control, missing.targets)
		return err == nil && !slices.ContainsFunc(obs, func(o probe.Observation) bool { return o.Result != probe.Connected }), nil
	})
}

const serversTimeout = 5 * time.Second

// snapshot reads from the API server what decides the verdicts in this fixture set. Pods in the
// nodes' own network belong to it, because policies must ignore them.
func (a *fixtureSet) snapshot(ctx context.Context, namespaces []string) (model.Snapshot, error) {
	client := a.run.cfg.Client
	snap := model.Snapshot{Nodes: a.run.nodes}
	for _, name := range append([]string{a.ControlNamespace()}, namespaces...) {
		ns, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return snap, fmt.Errorf("read namespace: %w", err)
		}
		snap.Namespaces = append(snap.Namespaces, model.NamespaceFromAPI(ns))
		pods, err := client.CoreV1().Pods(name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return snap, fmt.Errorf("list pods: %w", err)
		}
		for i := range pods.Items {
			if p, ok := model.PodFromAPI(&pods.Items[i]); ok {
				snap.Pods = append(snap.Pods, p)
			}
		}
		policies, err := client.NetworkingV1().NetworkPolicies(name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return snap, fmt.Errorf("list policies: %w", err)
		}
		for i := range policies.Items {
			snap.Policies = append(snap.Policies, &policies.Items[i])
		}
	}
	snap.Sort()
	return snap, nil
}

// cleanupTimeout bounds what is still done after a run was cancelled.
const cleanupTimeout = 30 * time.Second
