package runner

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/pods"
	"github.com/netassay/netassay/probe/wire"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/fixture"
)

// stage is what the fixture sets of a run stand on: the API server, the probers, and the
// control probers, one on each node.
type stage struct {
	apiServer
	cluster clusters.Cluster
	fleet   Prober
	timing  Timing
	now     func() time.Duration
	// processor is Config's.
	processor func() (had, waited time.Duration)
	restarts  map[cases.Part]restart
	explain   func(context.Context, model.Flow) ([]string, error) // Config's
	settled   func(context.Context, []string) error               // Config's
	nodes     []model.Node                                        // of the cluster
	controls  map[string]*pod                                     // by node key, read-only once made
	made      atomic.Int32                                        // fixture sets, ever
	journal   journal
}

func newStage(cfg Config) *stage {
	return &stage{
		apiServer: apiServer{client: cfg.Client, objects: cfg.objects(), patience: cfg.Timing.Fixture},
		cluster:   cfg.Cluster, fleet: cfg.Fleet, timing: cfg.Timing, now: cfg.Now, processor: cfg.Processor,
		controls: map[string]*pod{}, restarts: cfg.restarts(), explain: cfg.Explain, settled: cfg.Settle,
	}
}

// wall is what the clock on the wall showed when now gave at.
func (s *stage) wall(at time.Duration) time.Time { return time.Now().UTC().Add(at - s.now()) }

// objects builds what the run makes.
func (c Config) objects() fixture.Run {
	r := fixture.Run{
		ID: c.RunID, Image: c.Cluster.Image, Families: c.conditions().judged(), Nodes: c.Cluster.Nodes(),
		Restricted: c.Restricted, PullSecret: c.PullSecret,
		NodePorts: !c.conditions().ownPorts && slices.ContainsFunc(c.Cases, cases.Case.DialsNodePorts) || c.further().DialNodePorts(c.portNodes()),
	}
	if a, ok := c.Cluster.(clusters.Addresser); ok {
		r.FamilyAnnotation = a.FamilyAnnotation()
	}
	return r
}

// by is a case with the cells of further paths, as far as the engine claims to know them.
func (c Config) by(k cases.Case) cases.Case {
	return k.By(c.further(), c.conditions().judged(), c.portNodes())
}

// further is the choice of paths beside those of the cases.
func (c Config) further() cases.PathChoice {
	if c.conditions().without(cases.Service) && c.Paths != cases.OwnPaths {
		return cases.CasePaths
	}
	return c.Paths
}

// portNodes are the nodes whose node ports may be dialed.
func (c Config) portNodes() int {
	if c.conditions().without(cases.NodePorts) {
		return 0
	}
	return len(c.Cluster.Nodes())
}

// survey reads the cluster's nodes, and what belongs into the report.
func (s *stage) survey(ctx context.Context) (kubernetes, kernel string, err error) {
	version, err := s.client.Discovery().ServerVersion()
	if err != nil {
		return "", "", fmt.Errorf("read version of the API server: %w", err)
	}
	list, err := s.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", "", fmt.Errorf("list nodes: %w", err)
	}
	for i := range list.Items {
		s.nodes = append(s.nodes, model.NodeFromAPI(&list.Items[i]))
		kernel = list.Items[i].Status.NodeInfo.KernelVersion
	}
	return version.GitVersion, kernel, nil
}

// startControls makes the control probers: one per node that the fixture uses, reachable
// by the keys of all nodes that cases name. They listen as a prober's flag says.
func (s *stage) startControls(ctx context.Context, listen string) error {
	if err := s.createNamespace(ctx, s.objects.ControlNamespaceObject()); err != nil {
		return err
	}
	made := make([]*pod, min(cases.FixtureNodes, len(s.objects.Nodes)))
	g, gctx := errgroup.WithContext(ctx)
	for i := range made {
		g.Go(func() (err error) {
			made[i], err = s.startControl(gctx, i+1, listen)
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
	return nil
}

func (s *stage) startControl(ctx context.Context, n int, listen string) (*pod, error) {
	object := s.objects.ControlPodObject(n)
	running, err := s.startPod(ctx, object, nil)
	if err != nil {
		return nil, err
	}
	p := &pod{prober: s.controlOf(n), control: s.controlOf(n), ips: statusIPs(running)}
	r := pods.Resident{Name: p.prober, Namespace: object.Namespace, Pod: object.Name, Listen: listen}
	if err := s.addProber(ctx, r); err != nil {
		return nil, fmt.Errorf("start control prober on node %s: %w", s.objects.Node(n), err)
	}
	return p, nil
}

// startWorld starts the prober of all hosts outside of the cluster, if a case has any and
// there are such hosts.
func (s *stage) startWorld(ctx context.Context, all []cases.Case) error {
	var probes []cases.Probe
	for _, c := range all {
		if len(c.World) > 0 {
			probes = append(probes, c.Probes...)
		}
	}
	cluster, ok := s.cluster.(clusters.Outside)
	if !ok || len(probes) == 0 {
		return nil
	}
	r := pods.Resident{Name: worldProber, Listen: fixture.ListenOn(probes)}
	if err := s.dial(ctx, s.fleet, r, cluster.Outside()); err != nil {
		return fmt.Errorf("start prober of hosts outside of the cluster: %w", err)
	}
	return nil
}

// worldProber is the prober of all hosts outside of the cluster.
const worldProber = "world"

// controlOf is the name of the control prober on the node that the fixture calls n.
func (s *stage) controlOf(n int) string {
	n = (n-1)%len(s.objects.Nodes) + 1
	return s.objects.ControlNamespace() + "/" + s.objects.ControlPod(n)
}

// nodeListens is what control probers must listen on: nothing, unless a case takes nodes
// as servers, because these are ports of the nodes themselves.
func nodeListens(all []cases.Case) string {
	var probes []cases.Probe
	for _, c := range all {
		if slices.Contains(c.Nodes, cases.NodeServer) {
			probes = append(probes, c.Probes...)
		}
	}
	return fixture.ListenOn(probes)
}

// withoutRaw is a control prober that can't send raw packets, which SCTP needs, whatever
// the reason may be: runtimes and admission take NET_RAW away without a word. "" is none.
func (s *stage) withoutRaw() string {
	fleet, ok := s.fleet.(interface{ Capabilities(name string) []string })
	for _, p := range s.controls {
		if ok && !slices.Contains(fleet.Capabilities(p.prober), wire.CapSCTP) {
			return p.prober
		}
	}
	return ""
}

// adder takes a prober into a fleet.
type adder interface {
	Add(ctx context.Context, name string, d probe.Dial) error
}

// addProber starts a resident prober, and tries again as long as patience lasts: an API
// server may be too busy to exec, or away for a moment.
func (s *stage) addProber(ctx context.Context, r pods.Resident) error {
	return s.dial(ctx, s.fleet, r, s.cluster)
}

// dial starts one in a fleet, by way of where.
func (s *stage) dial(ctx context.Context, fleet adder, r pods.Resident, where pods.Execer) error {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	r.Gather = s.timing.Gather
	var last error
	retry := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Steps: 100, Cap: 2 * time.Second}
	_ = retry.DelayFunc().Until(ctx, true, false, func(ctx context.Context) (bool, error) { // last says more
		last = fleet.Add(ctx, r.Name, r.Dial(where))
		return last == nil || probe.Unfit(last), nil
	})
	return last
}

// close removes what the run made, found by its label, unless it is to be kept.
func (s *stage) close(ctx context.Context, keep bool) error {
	for _, p := range s.controls {
		s.fleet.Remove(p.prober)
	}
	s.fleet.Remove(worldProber)
	if keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	return Cleanup(ctx, s.client, s.objects.ID)
}
