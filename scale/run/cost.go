package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/scale/measure"
)

// Cost is what the engine takes at one moment. Sizes are in MiB where the name says so;
// null is not measured.
type Cost struct {
	Phase      string   `json:"phase"`
	At         float64  `json:"at_s"` // from the start of the run
	RSS        float64  `json:"rss_mib"`
	Anon       float64  `json:"rss_anon_mib"`
	PSS        float64  `json:"pss_mib"`
	HWM        float64  `json:"vmhwm_mib"`     // since the process started
	Heap       *float64 `json:"go_heap_mib"`   // objects, live or not swept yet
	WorkingSet *float64 `json:"cgroup_ws_mib"` // with the tools that it runs
	Kernel     *float64 `json:"cgroup_kernel_mib"`
	CgroupPeak *float64 `json:"cgroup_peak_mib"` // since the run started

	SetsMiB    float64 `json:"ipsets_kernel_mib"` // with the bucket arrays that ipset leaves out; no cgroup counts them
	Sets       int     `json:"ipsets"`
	SetEntries int     `json:"ipset_entries"`
	Rules      int     `json:"iptables_rules"` // beyond those before the engine
	RulesText  int     `json:"iptables_bytes_of_text"`
	NFT        int     `json:"nft_lines"`

	CPU         float64 `json:"cpu_s"` // since the process started, tools included
	CPUTools    float64 `json:"cpu_tools_s"`
	APIReceived uint64  `json:"api_bytes_received"` // since the run started, over all its processes
	APISent     uint64  `json:"api_bytes_sent"`
	APIConns    int     `json:"api_connections"`
}

const apiPort = 6443

// meter reads an engine's cost.
type meter struct {
	node    *watchedNode
	url     string // of the metrics page, "" for none
	client  *http.Client
	bare    measure.Rules // before the engine
	began   time.Time
	mu      sync.Mutex
	traffic measure.Traffic
}

// metered is an engine whose agents have a metrics page.
type metered interface{ MetricsURL() string }

func newMeter(n *watchedNode, e engines.Engine) *meter {
	m := &meter{node: n, began: time.Now(), client: &http.Client{
		Transport: &http.Transport{DialContext: dialOn(n), DisableKeepAlives: true}, Timeout: 10 * time.Second,
	}}
	if page, ok := e.(metered); ok {
		m.url = page.MetricsURL()
	}
	return m
}

// dialOn opens connections from the node's own network namespace.
func dialOn(n engines.Node) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		doErr := n.Do(func() error {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
			return nil
		})
		return conn, errors.Join(doErr, err)
	}
}

// follow looks at the agent's connections until ctx ends, so that none is missed for long.
func (m *meter) follow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		m.look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *meter) look() {
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

// read takes all figures. /proc comes first: the other readings make the agent work.
func (m *meter) read(ctx context.Context, phase string) (Cost, error) {
	c := Cost{Phase: phase, At: time.Since(m.began).Seconds()}
	if p := m.node.agent(); p != nil {
		if err := c.process(p.Pid()); err != nil {
			return c, err
		}
	}
	if g := m.node.cgroup; g != nil {
		usage, err := g.Usage()
		peak, peakErr := g.Peak()
		if err := errors.Join(err, peakErr); err != nil {
			return c, err
		}
		c.WorkingSet, c.Kernel, c.CgroupPeak = mibs(usage.WorkingSet), mibs(usage.Kernel), mibs(peak)
	}
	m.look()
	m.mu.Lock()
	bytes, conns := m.traffic.Total()
	m.mu.Unlock()
	c.APIReceived, c.APISent, c.APIConns = bytes.Received, bytes.Sent, conns
	sets, err := measure.ReadSets(ctx, m.node.Do, "")
	if err != nil {
		return c, err
	}
	rules, err := measure.ReadRules(ctx, m.node.Do)
	if err != nil {
		return c, err
	}
	c.SetsMiB, c.Sets, c.SetEntries = mib(sets.Bytes), sets.Sets, sets.Entries
	c.Rules, c.RulesText, c.NFT = rules.Rules-m.bare.Rules, rules.Bytes-m.bare.Bytes, rules.NFT-m.bare.NFT
	if m.url == "" || m.node.agent() == nil {
		return c, nil
	}
	page, err := measure.ReadMetrics(ctx, m.client, m.url)
	if err != nil {
		return c, fmt.Errorf("read the engine's metrics: %w", err)
	}
	if heap, ok := page["go_memstats_heap_alloc_bytes"]; ok {
		c.Heap = mibs(int64(heap))
	}
	return c, nil
}

func (c *Cost) process(pid int) error {
	memory, err := measure.ReadMemory(pid)
	if err != nil {
		return err
	}
	cpu, err := measure.ReadCPU(pid)
	if err != nil {
		return err
	}
	c.RSS, c.Anon, c.PSS, c.HWM = mib(memory.RSS), mib(memory.Anon), mib(memory.PSS), mib(memory.HWM)
	c.CPU, c.CPUTools = cpu.Total().Seconds(), cpu.Children.Seconds()
	return nil
}

// settled waits until the agent has used next to no processor time for a while, so that
// what is read then is a state and not a moment. It gives up after a minute, and says so.
func (m *meter) settled(ctx context.Context, quiet time.Duration) (bool, error) {
	const poll, patience = 200 * time.Millisecond, time.Minute
	tick := time.NewTicker(poll)
	defer tick.Stop()
	start := time.Now()
	since, last := start, measure.CPU{}
	for {
		now, ok := m.cpu()
		if ok && now.Total()-last.Total() > poll/20 {
			since = time.Now()
		}
		last = now
		switch {
		case !ok || time.Since(since) >= quiet:
			return true, nil
		case time.Since(start) > patience:
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
		}
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func mibs(bytes int64) *float64 {
	v := mib(bytes)
	return &v
}
