package live

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	v1 "github.com/netassay/netassay/reports/v1"
)

// The names that dashboards and alerts know.
const (
	Info        = "netassay_run_info"
	Started     = "netassay_run_start_time_seconds"
	Planned     = "netassay_run_cases_planned"
	Cases       = "netassay_run_cases_total"
	Cells       = "netassay_run_cells_total"
	Failures    = "netassay_run_failures_total"
	Probes      = "netassay_run_probes_total"
	Convergence = "netassay_run_convergence_seconds"
	Samples     = "netassay_run_samples_total"
	Wrong       = "netassay_run_wrong_packets_total"
	Memory      = "netassay_run_memory_bytes"
	Faults      = "netassay_run_faults_total"
	Troubles    = "netassay_run_notes_total"
	Records     = "netassay_run_records_total"
	Finished    = "netassay_run_finished"
)

// Run counts the records of one run.
type Run struct {
	registry *prometheus.Registry
	names    []string

	info, planned, finished, memory        *prometheus.GaugeVec
	started                                prometheus.Gauge
	cases, cells, failures, samples, wrong *prometheus.CounterVec
	probes, faults, troubles               prometheus.Counter
	records                                *prometheus.CounterVec
	convergence                            *prometheus.HistogramVec
}

// New is a run of which nothing is known yet. Its registry has its own metrics only.
func New() *Run {
	r := &Run{registry: prometheus.NewRegistry()}
	r.info = r.gauges(Info, "1; the labels say what runs.", "experiment", "cluster", "tool")
	r.started = prometheus.NewGauge(prometheus.GaugeOpts{Name: Started, Help: "When the run began, in seconds since 1970."})
	r.register(Started, r.started)
	r.planned = r.gauges(Planned, "Cases that the run is to play.")
	r.cases = r.counters(Cases, "Cases that are over, by what became of them.", "outcome")
	r.cells = r.counters(Cells, "Cells that were judged, by what became of them.", "outcome")
	r.failures = r.counters(Failures, "Cells that failed: a leak passed what had to be denied, an outage denied what had to pass.", "kind")
	r.probes = r.counter(Probes, "Conclusive probes of cells that were judged.")
	r.convergence = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: Convergence, Help: "Time from the answer of the API server to a change until a verdict was right and stayed right.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 15), // 1 ms to 16 s
	}, []string{"transition"})
	r.register(Convergence, r.convergence)
	r.names = append(r.names, Convergence+"_bucket", Convergence+"_sum", Convergence+"_count")
	r.samples = r.counters(Samples, "Pairs of pods that were watched in a change.", "engine", "transition", "result")
	r.wrong = r.counters(Wrong, "Packets that were seen to go wrong, of which evidence is kept.", "kind")
	r.memory = r.gauges(Memory, "The latest reading of the memory of an engine's agent.", "engine", "phase", "reading")
	r.faults = r.counter(Faults, "Faults that were done to the cluster on purpose.")
	r.troubles = r.counter(Troubles, "Troubles of the run itself, one note each.")
	r.records = r.counters(Records, "Records that were written, by kind.", "kind")
	r.finished = r.gauges(Finished, "1 for the verdict of a run that is over.", "verdict")
	r.zero()
	return r
}

// zero makes what is counted from nothing be there from the beginning: an alert on what is not
// there never fires.
func (r *Run) zero() {
	for _, kind := range []v1.FailureKind{v1.Leak, v1.Outage} {
		r.failures.WithLabelValues(string(kind))
	}
	for _, kind := range []string{"leaked", "lost"} {
		r.wrong.WithLabelValues(kind)
	}
	for _, verdict := range []v1.Verdict{v1.VerdictPass, v1.VerdictFail, v1.VerdictVoid} {
		r.finished.WithLabelValues(string(verdict))
	}
}

// Names are those of all metrics of a run, as queries name them.
func (r *Run) Names() []string { return r.names }

// Gatherer is what a scrape asks.
func (r *Run) Gatherer() prometheus.Gatherer { return r.registry }

func (r *Run) register(name string, c prometheus.Collector) {
	r.registry.MustRegister(c)
	r.names = append(r.names, name)
}

func (r *Run) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.register(name, g)
	return g
}

func (r *Run) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	r.register(name, c)
	return c
}

func (r *Run) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.register(name, c)
	return c
}

// Record counts one record. It may be called from several goroutines.
func (r *Run) Record(record v1.Record) {
	r.records.WithLabelValues(string(v1.KindOf(record))).Inc()
	switch v := record.(type) {
	case *v1.RunConditions:
		r.begin(v, v.Cluster, v.Tool, v.Started)
		r.planned.WithLabelValues().Set(float64(len(v.Order)))
	case *v1.CheckConditions:
		r.begin(v, v.Cluster, v.Tool, v.Started)
	case *v1.ChaosConditions:
		r.begin(v, v.Cluster, v.Tool, v.Started)
	case *v1.ScaleConditions:
		r.begin(v, v.Cluster, v.Tool, v.Started)
	case *v1.FuzzConditions:
		r.begin(v, v.Cluster, v.Tool, v.Started)
	case *v1.Case:
		r.cases.WithLabelValues(lower(v.Outcome)).Inc()
	case *v1.PlayedCase:
		r.cases.WithLabelValues(lower(v.Outcome)).Inc()
	case *v1.Cell:
		r.cell(v)
	case *v1.Sample:
		r.sample(v)
	case *v1.Reading:
		if v.Unit == v1.UnitBytes {
			r.memory.WithLabelValues(v.Engine, v.Phase, v.Name).Set(v.Value)
		}
	case *v1.Finding:
		r.wrong.WithLabelValues(v.What).Add(float64(v.Count))
	case *v1.Fault:
		r.faults.Inc()
	case *v1.Note:
		r.troubles.Inc()
	case *v1.Conclusion:
		r.finished.WithLabelValues(string(v.Verdict)).Set(1)
	}
}

// begin is called again when more of the conditions is known.
func (r *Run) begin(conditions v1.Record, cluster, tool string, started time.Time) {
	r.info.Reset()
	r.info.WithLabelValues(v1.KindOf(conditions).Experiment(), cluster, tool).Set(1)
	r.started.Set(float64(started.UnixMilli()) / 1000)
}

func (r *Run) cell(c *v1.Cell) {
	r.cells.WithLabelValues(lower(c.Outcome)).Inc()
	r.probes.Add(float64(c.Probes))
	if c.Kind != "" {
		r.failures.WithLabelValues(string(c.Kind)).Inc()
	}
	if c.Changed && c.Stable != nil {
		r.convergence.WithLabelValues("all").Observe(*c.Stable / 1000)
	}
}

func (r *Run) sample(s *v1.Sample) {
	result := "stable"
	switch {
	case s.Void != "":
		result = "void"
	case s.Stable == nil:
		result = "censored"
	}
	r.samples.WithLabelValues(s.Engine, s.Transition, result).Inc()
	if result == "stable" {
		r.convergence.WithLabelValues(s.Transition).Observe(max(*s.Stable-s.Ack, 0) / 1000)
	}
	r.wrong.WithLabelValues("leaked").Add(float64(s.Leaked))
	r.wrong.WithLabelValues("lost").Add(float64(s.Lost))
}

func lower(o v1.Outcome) string { return strings.ToLower(string(o)) }
