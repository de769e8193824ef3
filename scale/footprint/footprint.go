package footprint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/scale/hollow"
	"github.com/netassay/netassay/scale/measure"
)

// The bounds that a run at the default size is judged by.
const (
	MaxHWM      = 64.0 // MiB, of VmHWM
	MaxChurnCPU = 10.0 // percent of one core
)

// Config says what to measure, and where.
type Config struct {
	REST     *rest.Config // admin, without rate limit
	Node     engines.Node // where the agent runs
	Enforcer string       // path of the program
	Image    string       // that local pods run, with the command /probe idle

	Size        hollow.Size
	LocalPods   int           // real pods on Node
	ChurnRate   float64       // pod events per second
	ChurnFor    time.Duration // 0: no churn
	Log         func(line string)
	MaxHWM      float64 // MiB; default MaxHWM
	MaxChurnCPU float64 // percent of one core; default MaxChurnCPU

	SteadyFor    time.Duration // that memory must not grow; default 10 s
	SyncDeadline time.Duration // default 5 min
}

// Check refuses wrong values, naming the flag.
func (c Config) Check() error {
	switch {
	case c.LocalPods < 1 || c.LocalPods > 200:
		return fmt.Errorf("--local-pods %d: give 1 to 200", c.LocalPods)
	case c.ChurnRate <= 0:
		return fmt.Errorf("--churn-rate %v: give pod events per second, above 0", c.ChurnRate)
	case c.ChurnFor < 0:
		return fmt.Errorf("--churn-seconds %v: must not be negative", c.ChurnFor.Seconds())
	case c.MaxHWM <= 0 || c.MaxChurnCPU <= 0:
		return fmt.Errorf("--max-vmhwm-mib %v, --max-churn-cpu %v: give bounds above 0", c.MaxHWM, c.MaxChurnCPU)
	}
	return c.Size.Check()
}

func (c *Config) complete() error {
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.SteadyFor == 0 {
		c.SteadyFor = 10 * time.Second
	}
	if c.SyncDeadline == 0 {
		c.SyncDeadline = 5 * time.Minute
	}
	if c.MaxHWM == 0 {
		c.MaxHWM = MaxHWM
	}
	if c.MaxChurnCPU == 0 {
		c.MaxChurnCPU = MaxChurnCPU
	}
	return c.Check()
}

// Run fills the cluster, starts a fresh agent, and measures it until after the churn.
func Run(ctx context.Context, cfg Config) (s Summary, err error) {
	if err := cfg.complete(); err != nil {
		return s, err
	}
	s = Summary{
		Nodes: cfg.Size.Nodes, Pods: cfg.Size.Pods, Namespaces: cfg.Size.Namespaces, Policies: cfg.Size.Policies,
		LocalPods: cfg.LocalPods, Seed: cfg.Size.Seed, BoundHWM: cfg.MaxHWM, BoundChurnCPU: cfg.MaxChurnCPU,
	}
	cluster, err := hollow.New(cfg.REST, cfg.Size, hollow.ProgressLines(cfg.Log, 0))
	if err != nil {
		return s, err
	}
	began := time.Now()
	if err := cluster.Create(ctx); err != nil {
		return s, fmt.Errorf("fill cluster: %w", err)
	}
	if err := startLocalPods(ctx, cfg); err != nil {
		return s, err
	}
	s.FillSeconds = time.Since(began).Seconds()
	a, err := startAgent(cfg)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := a.untilSteady(ctx, &s); err != nil {
		return s, err
	}
	if err := a.read(ctx, &s); err != nil {
		return s, err
	}
	cfg.Log(fmt.Sprintf("steady: VmHWM %.1f MiB, VmRSS %.1f MiB, heap %.1f MiB", s.HWM, s.RSS, s.Heap))
	if cfg.ChurnFor > 0 {
		if err := a.churn(ctx, cluster, &s); err != nil {
			return s, err
		}
	}
	s.judge()
	return s, nil
}

// churn measures the agent's processor time from the first event until it has caught up
// with the last, per second of churn.
func (a *agent) churn(ctx context.Context, cluster *hollow.Cluster, s *Summary) error {
	before, err := measure.ReadCPU(a.process.Pid())
	if err != nil {
		return err
	}
	metrics, err := a.metrics(ctx)
	if err != nil {
		return err
	}
	done, err := cluster.Churn(ctx, a.cfg.ChurnRate, a.cfg.ChurnFor)
	if err != nil {
		return fmt.Errorf("churn: %w", err)
	}
	after, err := measure.ReadCPU(a.process.Pid())
	if err != nil {
		return err
	}
	later, err := a.metrics(ctx)
	if err != nil {
		return err
	}
	memory, err := measure.ReadMemory(a.process.Pid())
	if err != nil {
		return err
	}
	spent := after.Minus(before)
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / done.Took.Seconds() }
	s.ChurnWanted, s.ChurnRate, s.ChurnEvents, s.ChurnSeconds = a.cfg.ChurnRate, done.Rate(), done.Events, done.Took.Seconds()
	s.ChurnCPU, s.ChurnCPUOwn, s.ChurnCPUChildren = percent(spent.Total()), percent(spent.Own), percent(spent.Children)
	s.ChurnSyncs = int(later[syncs] - metrics[syncs])
	s.ChurnHWM = mib(memory.HWM)
	s.CgroupPeak, err = a.peak()
	return err
}
