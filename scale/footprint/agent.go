package footprint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/scale/measure"
)

const (
	address   = "127.0.0.1:10260"      // of the agent's metrics, on the loopback of its node
	setPrefix = "npe-"                 // of the agent's ipsets
	cgroupDir = "/run/netassay-cgroup" // in the sandbox's own memory
	poll      = 50 * time.Millisecond
	stopGrace = 10 * time.Second
)

// Samples of the agent's metrics page.
const (
	syncs = `npenf_sync_duration_seconds_count{stage="compute"}`
	heap  = "go_memstats_heap_alloc_bytes"
	rules = "npenf_rules"
)

// agent is the process that is measured.
type agent struct {
	cfg     Config
	process engines.Process
	cgroup  *measure.Cgroup // nil: none could be made
	client  *http.Client
	began   time.Time
}

// startAgent starts the enforcer as it would run on a node, with its own defaults.
func startAgent(cfg Config) (*agent, error) {
	a := &agent{cfg: cfg, client: &http.Client{Transport: &http.Transport{DialContext: agents.DialOn(cfg.Node)}}}
	argv := []string{
		cfg.Enforcer, "--kubeconfig=" + cfg.Node.Kubeconfig(), "--node-name=" + cfg.Node.Name(),
		"--metrics-address=" + address,
	}
	var err error
	if a.cgroup, err = measure.NewCgroup(cgroupDir); err != nil {
		cfg.Log(fmt.Sprintf("no cgroup peak: %v", err))
	} else {
		argv = a.cgroup.Wrap(argv)
	}
	a.began = time.Now()
	if a.process, err = cfg.Node.Start("enforcer-"+cfg.Node.Name(), argv, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("start enforcer: %w", err), a.closeCgroup())
	}
	return a, nil
}

// stop ends the agent; what it put into the kernel stays.
func (a *agent) stop() error {
	_ = a.process.Signal(os.Interrupt)
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	select {
	case <-a.process.Done():
	case <-timer.C:
		_ = a.process.Signal(os.Kill)
		<-a.process.Done()
	}
	return a.closeCgroup()
}

func (a *agent) closeCgroup() error {
	if a.cgroup == nil {
		return nil
	}
	return a.cgroup.Close()
}

// peak is the cgroup's so far, nil without one.
func (a *agent) peak() (*float64, error) {
	if a.cgroup == nil {
		return nil, nil
	}
	n, err := a.cgroup.Peak()
	if err != nil {
		return nil, err
	}
	size := mib(n)
	return &size, nil
}

// untilSteady waits until the agent is ready and its peak has then not grown for a while.
// Only /proc is asked meanwhile: each look at the metrics page makes the agent grow.
func (a *agent) untilSteady(ctx context.Context, s *Summary) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.SyncDeadline)
	defer cancel()
	if err := a.until(ctx, "be ready", a.ready); err != nil {
		return err
	}
	s.Sync = time.Since(a.began).Seconds()
	a.cfg.Log(fmt.Sprintf("enforcer ready after %.1f s", s.Sync))
	quiet, last := time.Now(), int64(0)
	return a.until(ctx, "become steady", func(context.Context) (bool, error) {
		now, err := measure.ReadMemory(a.process.Pid())
		if err != nil {
			return false, err
		}
		if now.HWM != last {
			quiet, last = time.Now(), now.HWM
		}
		return time.Since(quiet) >= a.cfg.SteadyFor, nil
	})
}

// until polls. The agent's end and the deadline are errors.
func (a *agent) until(ctx context.Context, what string, ok func(context.Context) (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var last error
	for {
		done, err := ok(ctx)
		if done {
			return nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-a.process.Done():
			return fmt.Errorf("wait for enforcer to %s: it has ended: see its log", what)
		case <-ctx.Done():
			return fmt.Errorf("wait for enforcer to %s (%s; last: %w): %w", what, a.state(), last, ctx.Err())
		case <-tick.C:
		}
	}
}

// state is what the process looks like from the outside, for errors.
func (a *agent) state() string {
	memory, err := measure.ReadMemory(a.process.Pid())
	cpu, cpuErr := measure.ReadCPU(a.process.Pid())
	if err := errors.Join(err, cpuErr); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("VmHWM %.1f MiB, VmRSS %.1f MiB, %.1f s of CPU", mib(memory.HWM), mib(memory.RSS), cpu.Total().Seconds())
}

func (a *agent) ready(ctx context.Context) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false, err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		return false, fmt.Errorf("readyz says %s", strings.TrimSpace(string(body)))
	}
	return true, nil
}

func (a *agent) metrics(ctx context.Context) (measure.Metrics, error) {
	return measure.ReadMetrics(ctx, a.client, "http://"+address+"/metrics")
}

// read takes all figures of the steady state. /proc comes first: the other readings make
// the agent work.
func (a *agent) read(ctx context.Context, s *Summary) error {
	memory, err := measure.ReadMemory(a.process.Pid())
	if err != nil {
		return err
	}
	cpu, err := measure.ReadCPU(a.process.Pid())
	if err != nil {
		return err
	}
	sets, err := measure.ReadSets(ctx, a.cfg.Node.Do, setPrefix)
	if err != nil {
		return err
	}
	metrics, err := a.metrics(ctx)
	if err != nil {
		return err
	}
	s.HWM, s.RSS, s.RSSAnon, s.PSS = mib(memory.HWM), mib(memory.RSS), mib(memory.Anon), mib(memory.PSS)
	s.Heap, s.StartCPU = mib(int64(metrics[heap])), cpu.Total().Seconds()
	s.SetsBytes, s.Sets, s.SetEntries, s.Rules = sets.Bytes, sets.Sets, sets.Entries, int(metrics.Sum(rules))
	s.CgroupPeak, err = a.peak()
	return err
}
