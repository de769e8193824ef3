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

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

// fixtureSet is one set of fixture namespaces and pods, in which one case at a time is at work.
type fixtureSet struct {
	fixture.Set
	*stage
	// tag tells the namespaces that the present case creates from those of the last one,
	// whose deletion need not be waited for.
	tag int
	// used reports whether a case has changed something in it since it was made.
	used bool
	// patient steps presume nothing, which is slower.
	patient bool
	// fronted reports whether the present case goes by Services: else its pods need none.
	fronted bool
	// watches counts those that there were: each begins with the other half of the cells.
	watches int
	// ended are the addresses of pods that are gone, by logical key.
	ended map[string][]netip.Addr
	// births are those of the step that is being done.
	births *births
	// turn is how long an answered probe takes from the harness and back, lately: a Duration.
	turn atomic.Int64
	// verified are the cells between pods that were seen allowed since a case has last touched
	// one of them.
	verified map[cases.Cell]bool
	// flows are the numbers of long-lived flows, of each family one.
	flows map[heldFlow]uint64
	// lingers are the pods that do: true until they are deleted for the first time.
	lingers map[string]bool

	mu   sync.RWMutex
	pods map[string]*pod // by logical key; those that can be probed
}

// heldFlow is a long-lived flow of the present case.
type heldFlow struct {
	name   string
	family model.Family
}

// pod is a running pod of the fixture, or a node's control prober, with its prober.
type pod struct {
	key     string
	prober  string // name of its resident prober
	node    string // key of its node, "node/1"
	control string // name of the control prober on its node
	ips     []netip.Addr
	by      front         // its Service
	own     *front        // its own one, while a case's has its place
	since   time.Duration // when it was seen running
}

// newFixtureSet makes the namespaces, Services and pods of a fixture set and starts their
// probers. What was made before an error is the set's too, to be removed.
func (s *stage) newFixtureSet(ctx context.Context) (*fixtureSet, error) {
	a := &fixtureSet{
		Set: fixture.Set{Run: s.objects, Name: fmt.Sprintf("a%d", s.made.Add(1))}, stage: s,
		pods: maps.Clone(s.controls), verified: map[cases.Cell]bool{}, flows: map[heldFlow]uint64{},
		lingers: map[string]bool{}, ended: map[string][]netip.Addr{},
	}
	a.turn.Store(int64(firstTurn))
	for _, n := range cases.FixtureNamespaces() {
		if err := a.CreateNamespace(ctx, n); err != nil {
			return a, err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range cases.FixturePods() {
		g.Go(func() error { return a.CreatePod(ctx, p) })
	}
	if err := g.Wait(); err != nil {
		return a, fmt.Errorf("make fixture %s: %w", a.Name, err)
	}
	return a, nil
}

// remove deletes the fixture set's namespaces, all that were ever made under its name, without
// waiting, and forgets its probers.
func (a *fixtureSet) remove(ctx context.Context) error {
	a.drop(func(string) bool { return true })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return clusters.DeleteSelected(ctx, a.client, fixture.Selector(a.ID)+","+fixture.SetLabel+"="+a.Name)
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

// pod is a pod, node or host outside that can be probed, nil when there is none of that key (yet).
func (a *fixtureSet) pod(key string) *pod {
	if addr := cases.WorldAddr(key); addr.IsValid() {
		return &pod{key: key, prober: worldProber, control: a.controlOf(1), ips: []netip.Addr{addr}}
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.pods[key]
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
			a.ended[key] = p.ips
			a.fleet.Remove(p.prober)
			delete(a.pods, key)
		}
	}
}

// firstTurn is taken for the turn until something is known of it.
const firstTurn = 100 * time.Millisecond

// awaitServers waits until the pod's servers answer its own node, so that no server that is
// still starting is mistaken for a refusal. One that never answers is left to the live
// controls.
func (a *fixtureSet) awaitServers(ctx context.Context, p *pod) {
	var missing batch
	for _, f := range a.Families() {
		for _, served := range cases.DefaultProbes() {
			if addr := f.First(p.ips); addr.IsValid() {
				missing.add(a.timing.Timeout, p.key, netip.AddrPortFrom(addr, served.Port), served)
			}
		}
	}
	a.await(ctx, p.control, missing.targets)
}

const serversTimeout = 5 * time.Second
