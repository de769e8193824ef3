package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/agents"
	"github.com/netassay/netassay/probe"
	"github.com/netassay/netassay/probe/flows"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/scale/measure"
)

// heapMetric is Go's own: bytes of objects, live or not swept yet.
const heapMetric = "go_memstats_heap_alloc_bytes"

// requestsMetric is the reference enforcer's: requests to the API server.
const requestsMetric = "npenf_api_requests_total"

const apiPort = 6443

// meter reads an engine's cost.
type meter struct {
	node *watchedNode
	url  string // of the metrics page, "" for none
	told string // where the agent tells of its last change, "" when it doesn't
	// far reads what an engine costs of which no process is within reach; nil: the node is.
	far     func(context.Context) ([]figure, error)
	pages   *agents.Getter
	bare    measure.Rules // before the engine
	mu      sync.Mutex
	traffic measure.Traffic
}

// metered is an engine whose agents have a metrics page.
type metered interface{ MetricsURL() string }

func newMeter(n *watchedNode, e engines.Engine) *meter {
	m := &meter{node: n, pages: agents.NewGetter(n)}
	if page, ok := e.(metered); ok {
		m.url = page.MetricsURL()
	}
	if page, ok := e.(telling); ok {
		m.told = page.LastChangeURL()
	}
	return m
}

// look looks at the agent's connections; often enough, so that none is missed for long.
func (m *meter) look(context.Context) {
	p := m.node.agent()
	if p == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.traffic.Observe(m.node.Do, p.Pid(), apiPort) // an agent that has just ended has nothing to show
}

// cpu is the agent's processor time so far, and its tools'.
func (m *meter) cpu() (measure.CPU, bool) {
	p := m.node.agent()
	if p == nil {
		return measure.CPU{}, false
	}
	c, err := measure.ReadCPU(p.Pid())
	return c, err == nil
}

// figure is one of the engine's cost.
type figure struct {
	name, unit string
	value      float64
}

// read takes all figures. /proc comes first: the other readings make the agent work.
func (m *meter) read(ctx context.Context) ([]figure, error) {
	if m.far != nil {
		return m.far(ctx)
	}
	out, err := m.process()
	if err != nil {
		return nil, err
	}
	if g := m.node.cgroup; g != nil {
		usage, err := g.Usage()
		peak, peakErr := g.Peak()
		if err := errors.Join(err, peakErr); err != nil {
			return nil, err
		}
		out = append(out, bytesOf("cgroup-working-set", usage.WorkingSet), bytesOf("cgroup-kernel", usage.Kernel), bytesOf("cgroup-peak", peak))
	}
	kernel, err := m.kernel(ctx)
	if err != nil {
		return nil, err
	}
	out = append(out, kernel...)
	m.look(ctx)
	m.mu.Lock()
	bytes, _ := m.traffic.Total()
	m.mu.Unlock()
	out = append(out, bytesOf("api-received", int64(bytes.Received)), bytesOf("api-sent", int64(bytes.Sent)))
	page, err := m.page(ctx)
	if err != nil {
		return nil, err
	}
	if heap, ok := page.Sum(heapMetric); ok {
		out = append(out, figure{"go-heap", v1.UnitBytes, heap})
	}
	if n, ok := page.Sum(requestsMetric); ok {
		out = append(out, figure{"api-requests", "", n})
	}
	return out, nil
}

// kernel is what the engine has the kernel keep.
func (m *meter) kernel(ctx context.Context) (out []figure, err error) {
	var maps measure.Maps
	if p := m.node.agent(); p != nil {
		if maps, err = measure.ReadMaps(p.Pid()); err != nil {
			return nil, err
		}
	}
	sets, err := measure.ReadSets(ctx, m.node.Do)
	if err != nil {
		return nil, err
	}
	rules, err := measure.ReadRules(ctx, m.node.Do)
	if err != nil {
		return nil, err
	}
	if maps.Maps > 0 {
		out = append(out, bytesOf("bpf-maps", maps.Bytes), figure{"bpf-maps-open", "", float64(maps.Maps)})
	}
	return append(out, bytesOf("ipset", sets.Bytes), figure{"ipsets", "", float64(sets.Sets)}, figure{"ipset-entries", "", float64(sets.Entries)},
		figure{"iptables-rules", "", float64(rules.Rules - m.bare.Rules)}, bytesOf("iptables-text", int64(rules.Bytes-m.bare.Bytes)), figure{"nft-lines", "", float64(rules.NFT - m.bare.NFT)}), nil
}

// page is the engine's own page of metrics, empty when it has none.
func (m *meter) page(ctx context.Context) (agents.Metrics, error) {
	if m.url == "" || m.node.agent() == nil {
		return nil, nil
	}
	page, err := m.pages.Metrics(ctx, m.url)
	if err != nil {
		return nil, fmt.Errorf("read the engine's metrics: %w", err)
	}
	return page, nil
}

func bytesOf(name string, n int64) figure { return figure{name, v1.UnitBytes, float64(n)} }

func (m *meter) process() ([]figure, error) {
	p := m.node.agent()
	if p == nil {
		return nil, nil
	}
	memory, err := measure.ReadMemory(p.Pid())
	if err != nil {
		return nil, err
	}
	cpu, err := measure.ReadCPU(p.Pid())
	if err != nil {
		return nil, err
	}
	return []figure{
		bytesOf(v1.RSS, memory.RSS), bytesOf("rss-anon", memory.Anon), bytesOf("pss", memory.PSS), bytesOf(v1.HWM, memory.HWM),
		{"cpu-total", "s", cpu.Total().Seconds()},
		{"cpu-tools", "s", cpu.Children.Seconds()},
	}, nil
}

// settled waits until the agent has been idle for a while, so that what is read then is a state
// and not a moment. It gives up after a minute, and says so.
func (m *meter) settled(ctx context.Context, quiet time.Duration) (bool, error) {
	const poll, patience = 200 * time.Millisecond, time.Minute
	agent := idleness{allowed: max(quiet/50, 10*time.Millisecond)}
	err := wait.PollUntilContextTimeout(ctx, poll, patience, true, func(context.Context) (bool, error) {
		now, ok := m.cpu()
		return !ok || agent.lasts(time.Now(), now.Total()) >= quiet, nil
	})
	return err == nil, ctx.Err()
}

// idleness tells for how long a process has been idle. What it looks after now and then takes
// some processor time at rest too, more on a slow machine: so much is allowed in all.
type idleness struct {
	allowed time.Duration
	since   time.Time
	used    time.Duration // until since
}

// lasts is for how long the process has been idle, which until now has used so much.
func (i *idleness) lasts(now time.Time, used time.Duration) time.Duration {
	if used-i.used > i.allowed || i.since.IsZero() {
		i.since, i.used = now, used
	}
	return now.Sub(i.since)
}

// telling is an engine whose agents tell when they saw and enforced the last change. A
// verdict is never judged by that; it shows where the time went.
type telling interface{ LastChangeURL() string }

// toldTimes are the harness's times at which the engine says that it heard of a change, and
// was done with it; 0: it does not say.
type toldTimes struct{ seen, enforced time.Duration }

// tell asks the agent of a change that has just become true. What it says of another change is
// left out.
func (m *meter) tell(ctx context.Context, c flows.Change) toldTimes {
	if m.told == "" || m.node.agent() == nil {
		return toldTimes{}
	}
	text, err := m.pages.Get(ctx, m.told)
	var last struct{ Seen, Enforced time.Time }
	if err != nil || json.Unmarshal(text, &last) != nil {
		return toldTimes{}
	}
	mono, wall := probe.Now(), time.Now() // the agent's clock is of this machine too
	t := toldTimes{mono - wall.Sub(last.Seen), mono - wall.Sub(last.Enforced)}
	if t.seen < c.Call || t.enforced < t.seen {
		return toldTimes{}
	}
	return t
}
