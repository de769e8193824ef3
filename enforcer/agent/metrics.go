package agent

import (
	"context"
	"math"
	"path"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/netassay/netassay/enforcer/kernel"
	"github.com/netassay/netassay/enforcer/plan"
	"github.com/netassay/netassay/enforcer/render"
	"github.com/netassay/netassay/enforcer/watch"
	"github.com/netassay/netassay/model"
)

// metrics are what operators see. Every label has a fixed, small set of values: no names
// of pods, policies or sets.
type metrics struct {
	registry *prometheus.Registry
	make     promauto.Factory // registers them there

	latency     *prometheus.HistogramVec // kind
	stages      *prometheus.HistogramVec // stage
	execs       *prometheus.HistogramVec // tool, family
	execErrors  *prometheus.CounterVec   // tool, family
	repairs     *prometheus.CounterVec   // object
	watchErrors *prometheus.CounterVec   // kind
	uncollected prometheus.Counter
	forgotten   prometheus.Counter
	pending     prometheus.Gauge
	lastSuccess prometheus.Gauge
	synced      prometheus.Gauge
	problems    prometheus.Gauge
	policies    *prometheus.GaugeVec // scope
	rules       *prometheus.GaugeVec // family
	chains      *prometheus.GaugeVec // family
	sets        *prometheus.GaugeVec // kind, family
	entries     *prometheus.GaugeVec // kind, family
	objects     *prometheus.GaugeVec // kind
	labelSets   prometheus.Gauge
	bridgeOK    prometheus.Gauge
	ipvs        prometheus.Gauge
	closed      *prometheus.GaugeVec // family
	addresses   *prometheus.GaugeVec // link

	lockTimeouts prometheus.Counter
}

const namespace = "npenf"

func newMetrics() *metrics {
	registry := prometheus.NewRegistry()
	m := &metrics{registry: registry, make: promauto.With(registry)}
	m.latency = m.histogram("programming_latency_seconds", "Time from the arrival of a watch event until the kernel enforces it.", "kind")
	m.stages = m.histogram("sync_duration_seconds", "Time that the stages of a sync took.", "stage")
	m.execs = m.histogram("exec_duration_seconds", "Time that calls of iptables and ipset took, and changes of sets by netlink, lock waits included.", "tool", "family")
	m.execErrors = m.counter("exec_errors_total", "Calls of iptables and ipset that failed, and changes of sets by netlink.", "tool", "family")
	m.repairs = m.counter("repairs_total", "Things of ours that something else had changed or removed.", "object")
	m.observeDrift(kernel.Drift{}) // shown as 0 from the start
	m.watchErrors = m.counter("watch_errors_total", "Requests to the API server that failed.", "kind")
	m.uncollected = m.counter("set_destroy_failures_total", "Sets that could not be destroyed yet because they are referred to.").WithLabelValues()
	m.forgotten = m.counter("flows_forgotten_total", "Tracked flows that were forgotten because another pod has their address now.").WithLabelValues()
	m.lockTimeouts = m.counter("lock_timeouts_total", "Syncs that failed because another program held the xtables lock all the time.").WithLabelValues()
	m.pending = m.gauge("pending_changes", "Watch events that the kernel does not enforce yet.")
	m.lastSuccess = m.gauge("last_success_timestamp_seconds", "When the kernel was last known to enforce everything known.")
	m.synced = m.gauge("synced", "1 when the watch is in sync and the last sync succeeded.")
	m.problems = m.gauge("untranslatable_rules", "Pieces of policies that could not be translated and therefore allow nothing.")
	m.policies = m.gauges("policies", "Policies: of the cluster, and those that select a pod of this node.", "scope")
	m.rules = m.gauges("rules", "iptables rules of ours.", "family")
	m.chains = m.gauges("chains", "iptables chains of ours.", "family")
	m.sets = m.gauges("sets", "ipsets of ours by what they are for.", "kind", "family")
	m.entries = m.gauges("set_entries", "Members of ipsets of ours.", "kind", "family")
	m.objects = m.gauges("cache_objects", "Objects held in memory.", "kind")
	m.labelSets = m.gauge("label_sets", "Distinct label sets of pods held in memory.")
	m.bridgeOK = m.gauge("bridge_nf_ok", "0 when pods are on a bridge whose packets iptables does not see, 1 when not, NaN while that is not known.")
	m.bridgeOK.Set(math.NaN())
	m.ipvs = m.gauge("ipvs_detected", "1 when Services are done by IPVS, which passes policies by, else 0.")
	m.closed = m.gauges("unknown_pods_closed", "1 when pods of this node are closed until they are known, else 0.", "family")
	m.addresses = m.gauges("pod_addresses", "Addresses of this node's pods, by what is behind the interface that leads to them: one pod, several (shared), or nobody knows (unknown).", "link")
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// countRequests shows how many requests went to the API server.
func (m *metrics) countRequests(n func() uint64) {
	m.make.NewCounterFunc(prometheus.CounterOpts{
		Namespace: namespace, Name: "api_requests_total", Help: "Requests to the API server, those of watches and failed ones included.",
	}, func() float64 { return float64(n()) })
}

func (m *metrics) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	seconds := prometheus.ExponentialBuckets(0.001, 2, 16) // 1 ms to 32 s
	return m.make.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: seconds}, labels)
}

func (m *metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	return m.make.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func (m *metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return m.make.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func (m *metrics) gauge(name, help string) prometheus.Gauge {
	return m.gauges(name, help).WithLabelValues()
}

// observePlan shows the size of what should be in the kernel.
func (m *metrics) observePlan(p plan.Plan) {
	m.problems.Set(float64(len(p.Problems)))
	m.policies.WithLabelValues("local").Set(float64(p.Policies))
	for _, f := range p.Families() {
		family, rules := render.Family(f.Family), 0
		for _, c := range f.Chains {
			rules += len(c.Rules)
		}
		m.rules.WithLabelValues(family).Set(float64(rules))
		m.chains.WithLabelValues(family).Set(float64(len(f.Chains)))
		sets, entries := map[plan.Role]int{}, map[plan.Role]int{}
		for _, s := range f.Sets {
			sets[s.Role]++
			entries[s.Role] += len(s.Members)
		}
		for _, r := range plan.Roles() {
			m.sets.WithLabelValues(string(r), family).Set(float64(sets[r]))
			m.entries.WithLabelValues(string(r), family).Set(float64(entries[r]))
		}
		m.closed.WithLabelValues(family).Set(float64(min(1, sets[plan.RoleKnown])))
	}
}

// observeLinks shows how many of the addresses are tied to their pods.
func (m *metrics) observeLinks(own, shared, unknown int) {
	m.addresses.WithLabelValues("own").Set(float64(own))
	m.addresses.WithLabelValues("shared").Set(float64(shared))
	m.addresses.WithLabelValues("unknown").Set(float64(unknown))
}

func (m *metrics) observeCache(w *watch.Watcher) {
	objects, labelSets := w.Sizes()
	for kind, n := range objects {
		m.objects.WithLabelValues(string(kind)).Set(float64(n))
	}
	m.policies.WithLabelValues("cluster").Set(float64(objects[watch.Policies]))
	m.labelSets.Set(float64(labelSets))
}

func (m *metrics) observeSync(r kernel.Result) {
	for stage, d := range map[string]time.Duration{"sets": r.SetsTime, "rules": r.RulesTime, "cleanup": r.CollectTime} {
		if r.Changed {
			m.stages.WithLabelValues(stage).Observe(d.Seconds())
		}
	}
	m.uncollected.Add(float64(r.Uncollected))
}

func (m *metrics) observeDrift(d kernel.Drift) {
	m.repairs.WithLabelValues("jump").Add(float64(d.Jumps))
	m.repairs.WithLabelValues("chain").Add(float64(d.Chains))
	m.repairs.WithLabelValues("set").Add(float64(d.Sets))
}

// measured is a kernel.Runner that counts and times the commands of another.
type measured struct {
	kernel.Runner
	metrics *metrics
}

// Run implements kernel.Runner.
func (r measured) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	start := time.Now()
	out, err := r.Runner.Run(ctx, c)
	tool, family := toolLabels(c.Argv[0])
	if _, ok := r.Runner.(*kernel.Netlink); ok && c.Sets != nil {
		tool = "netlink"
	}
	r.metrics.execs.WithLabelValues(tool, family).Observe(time.Since(start).Seconds())
	if err != nil {
		r.metrics.execErrors.WithLabelValues(tool, family).Inc()
	}
	return out, err
}

// toolLabels reduces a tool's name to what it does and for which family.
func toolLabels(argv0 string) (tool, family string) {
	name := path.Base(argv0)
	switch {
	case name == "ipset":
		return "ipset", "any"
	case strings.HasPrefix(name, "ip6tables"):
		family = render.Family(model.IPv6)
	default:
		family = render.Family(model.IPv4)
	}
	for _, action := range []string{"-save", "-restore"} {
		if strings.HasSuffix(name, action) {
			return "iptables" + action, family
		}
	}
	return "iptables", family
}
