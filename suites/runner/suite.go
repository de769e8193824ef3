package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe/pods"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

// suite is one run.
type suite struct {
	cfg         Config
	objects     fixture.Run
	controls    map[string]*pod // control probers by node key, read-only once made
	nodes       []model.Node
	fixtureSets atomic.Int32 // ever made

	mu      sync.Mutex
	report  *v1.Run
	queue   []cases.Case
	total   int
	ended   int
	stopped string // why no further case is begun: fail-fast, Session.Skip
}

func newSuite(cfg Config) *suite {
	k := cfg.conditions()
	s := &suite{
		cfg: cfg, objects: cfg.objects(), controls: map[string]*pod{},
	}
	s.report = &v1.Run{
		Schema: v1.Schema, ID: cfg.RunID, Tool: cfg.Tool, Cluster: cfg.Cluster.Name(),
		Engine: cfg.Engine, EngineVersion: cfg.EngineVersion,
		Nodes: len(s.objects.Nodes), Seed: cfg.Seed, Parallel: cfg.Parallel, Timing: cfg.Timing.report(),
		LabReady: cfg.LabReady,
	}
	for _, f := range s.objects.Families {
		s.report.Families = append(s.report.Families, string(f))
	}
	for _, u := range k.unsupported {
		s.report.Lacks = append(s.report.Lacks, u.String())
	}
	s.enqueue(k, shuffled(cfg.Cases, cfg.Seed))
	return s
}

// objects builds what the run makes.
func (c Config) objects() fixture.Run {
	return fixture.Run{
		ID: c.RunID, Image: c.Cluster.Image, Families: c.conditions().judged(), Nodes: c.Cluster.Nodes(),
		Restricted: c.Restricted, PullSecret: c.PullSecret,
	}
}

// enqueue queues the cases that can run and reports the others at once.
func (s *suite) enqueue(k conditions, order []cases.Case) {
	for _, c := range order {
		if outcome, reason, ok := k.triage(c); !ok {
			s.report.Cases = append(s.report.Cases, described(c, outcome, reason))
			continue
		}
		s.queue = append(s.queue, c)
		s.report.Order = append(s.report.Order, c.Name)
	}
	s.total = len(s.queue)
}

// described is a case that has no steps to show.
func described(c cases.Case, outcome v1.Outcome, reason string) v1.Case {
	d := v1.Case{Name: c.Name, Title: c.Title, Spec: c.Spec, Outcome: outcome, Reason: reason}
	for _, f := range c.Features {
		d.Features = append(d.Features, string(f))
	}
	return d
}

// start tells what will run and, when anything will, makes what all cases share.
func (s *suite) start(ctx context.Context) error {
	s.tell(Event{Kind: RunStarted, Total: s.total, Order: s.report.Order})
	if s.total == 0 {
		return nil
	}
	if err := s.describeCluster(ctx); err != nil {
		return err
	}
	return s.startControls(ctx)
}

// take begins the queued case of that name, the first of the queue when it is "": n is how
// many have been begun with it. It gives none when no case may be begun any more.
func (s *suite) take(ctx context.Context, name string) (c cases.Case, n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.queue, func(c cases.Case) bool { return name == "" || c.Name == name })
	if i < 0 || ctx.Err() != nil || s.stopped != "" {
		return cases.Case{}, 0, false
	}
	c = s.queue[i]
	s.queue = slices.Delete(s.queue, i, i+1)
	return c, s.total - len(s.queue), true
}

func (s *suite) end(result v1.Case) {
	s.mu.Lock()
	s.report.Cases = append(s.report.Cases, result)
	s.ended++
	n := s.ended
	if s.cfg.FailFast && result.Outcome == v1.Fail && s.stopped == "" {
		s.stopped = "fail-fast: " + result.Name + " failed"
	}
	s.mu.Unlock()
	s.tell(Event{Kind: CaseEnded, Case: result.Name, Set: result.FixtureSet, N: n, Total: s.total, Result: &result})
}

// abandonQueue reports the cases that were never begun.
func (s *suite) abandonQueue(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	outcome, reason := s.abandoned(ctx)
	for _, c := range s.queue {
		s.report.Cases = append(s.report.Cases, described(c, outcome, reason))
	}
	s.queue = nil
}

// abandoned is what becomes of a case that was never begun. The lock is held.
func (s *suite) abandoned(ctx context.Context) (v1.Outcome, string) {
	switch {
	case s.stopped != "":
		return v1.Skipped, s.stopped
	case ctx.Err() != nil:
		return v1.Unfinished, "never begun: the run was stopped"
	}
	return v1.Unfinished, "never begun: the run could not go on"
}

// describeCluster reads the conditions that belong into the report.
func (s *suite) describeCluster(ctx context.Context) error {
	version, err := s.cfg.Client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("read version of the API server: %w", err)
	}
	s.report.Kubernetes = version.GitVersion
	list, err := s.cfg.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	for i := range list.Items {
		s.nodes = append(s.nodes, model.NodeFromAPI(&list.Items[i]))
		s.report.Kernel = list.Items[i].Status.NodeInfo.KernelVersion
	}
	return nil
}

// startControls makes the control probers: one per node that the fixture uses, reachable
// by the keys of all nodes that cases name.
func (s *suite) startControls(ctx context.Context) error {
	if err := s.createNamespace(ctx, s.objects.ControlNamespaceObject()); err != nil {
		return err
	}
	made := make([]*pod, min(cases.FixtureNodes, len(s.objects.Nodes)))
	g, gctx := errgroup.WithContext(ctx)
	for i := range made {
		g.Go(func() (err error) {
			made[i], err = s.startControl(gctx, i+1)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for n := 1; n <= cases.FixtureNodes; n++ {
		p := *made[(n-1)%len(made)]
		p.key = cases.NodeKey(n)
		s.controls[p.key] = &p
	}
	s.skipWithoutRaw()
	return nil
}

func (s *suite) startControl(ctx context.Context, n int) (*pod, error) {
	object := s.objects.ControlPodObject(n)
	running, err := s.startPod(ctx, object)
	if err != nil {
		return nil, err
	}
	p := &pod{prober: s.controlOf(n), control: s.controlOf(n), ips: statusIPs(running)}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timing.Fixture)
	defer cancel()
	r := pods.Resident{Name: p.prober, Namespace: object.Namespace, Pod: object.Name, Listen: s.nodeListens()}
	if err := s.addProber(ctx, r); err != nil {
		return nil, fmt.Errorf("start control prober on node %s: %w", s.objects.Node(n), err)
	}
	return p, nil
}

// controlOf is the name of the control prober on the node that the fixture calls n.
func (s *suite) controlOf(n int) string {
	n = (n-1)%len(s.objects.Nodes) + 1
	return s.objects.ControlNamespace() + "/" + s.objects.ControlPod(n)
}

// nodeListens is what control probers must listen on: nothing, unless a case takes nodes
// as servers, because these are ports of the nodes themselves.
func (s *suite) nodeListens() string {
	var probes []cases.Probe
	for _, c := range s.cfg.Cases {
		if slices.Contains(c.Nodes, cases.NodeServer) {
			probes = append(probes, c.Probes...)
		}
	}
	return fixture.ListenOn(probes)
}

// close removes what the run made, found by its label.
func (s *suite) close(ctx context.Context) {
	for _, p := range s.controls {
		s.cfg.Fleet.Remove(p.prober)
	}
	if s.cfg.Keep {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := Cleanup(ctx, s.cfg.Client, s.cfg.RunID); err != nil {
		s.trouble("clean up: %v", err)
	}
}

// tell passes an event on, one at a time.
func (s *suite) tell(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Events(e)
}

func (s *suite) trouble(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.report.Notes = append(s.report.Notes, message)
	s.mu.Unlock()
	s.tell(Event{Kind: Trouble, Message: message})
}
