package openmetrics

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"

	"github.com/netassay/netassay/reports/metrics"
	"github.com/netassay/netassay/reports/trend"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Write writes the figures of all nights, which are in order of time, and the changes of level
// that were found in them. A figure has the time at which its night began.
func Write(out io.Writer, nights []v1.Night, t *trend.Trend) error {
	w := bufio.NewWriter(out)
	for _, family := range Families(nights, t) {
		if _, err := expfmt.MetricFamilyToOpenMetrics(w, family); err != nil {
			return fmt.Errorf("write %s: %w", family.GetName(), err)
		}
	}
	if _, err := expfmt.FinalizeOpenMetrics(w); err != nil {
		return fmt.Errorf("end metrics: %w", err)
	}
	return w.Flush()
}

// Families are the samples of all nights, in the order of names, series and time.
func Families(nights []v1.Night, t *trend.Trend) []*dto.MetricFamily {
	f := families{}
	for i := range nights {
		n := &nights[i]
		for j := range n.Metrics {
			m := &n.Metrics[j]
			f.add(m.Name, m.Labels, m.Value, n.Started)
		}
		for j := range n.Runs {
			f.add(metrics.Info, info(n, &n.Runs[j]), 1, n.Started)
		}
	}
	for i := range t.Changes {
		if c := &t.Changes[i]; !math.IsInf(c.Effect, 0) {
			f.add(metrics.Change, changeLabels(c), c.Effect, c.Night.Started)
		}
	}
	return f.sorted()
}

// recent is for how many nights a change of level is told to a Pushgateway: one is found only when
// the new level has lasted some nights.
const recent = 7

// Last are the samples of the last night alone, and the changes of level of the last week, without
// times: what is known of a night that has just ended.
func Last(nights []v1.Night, t *trend.Trend) []*dto.MetricFamily {
	if len(nights) == 0 {
		return nil
	}
	last := nights[len(nights)-1:]
	only := &trend.Trend{}
	for _, c := range t.Changes {
		if c.At >= len(nights)-recent {
			only.Changes = append(only.Changes, c)
		}
	}
	out := Families(last, only)
	for _, f := range out {
		for _, m := range f.Metric {
			m.TimestampMs = nil
		}
	}
	return out
}

func info(n *v1.Night, r *v1.NightRun) map[string]string {
	return map[string]string{
		metrics.LabelExperiment: r.Experiment, metrics.LabelEngine: r.Engine, "tool": n.Tool,
		"engine_version": cmp.Or(r.EngineVersion, n.Tool), "kubernetes": r.Kubernetes, "kernel": n.Kernel,
	}
}

func changeLabels(c *trend.Change) map[string]string {
	return map[string]string{
		metrics.LabelExperiment: c.Course.Experiment, metrics.LabelEngine: c.Course.Engine,
		"metric": c.Course.Metric, "series": c.Course.Name(), "direction": string(c.Direction),
	}
}

// families gather samples by name.
type families map[string]*dto.MetricFamily

func (f families) add(name string, labels map[string]string, value float64, at time.Time) {
	family := f[name]
	if family == nil {
		family = &dto.MetricFamily{Name: proto.String(name), Help: proto.String(metrics.Lookup(name).Help), Type: dto.MetricType_GAUGE.Enum()}
		f[name] = family
	}
	m := &dto.Metric{Gauge: &dto.Gauge{Value: proto.Float64(value)}, TimestampMs: proto.Int64(at.UnixMilli())}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(label), Value: proto.String(labels[label])})
	}
	family.Metric = append(family.Metric, m)
}

// sorted are the families by name, the samples of a series together and in order of time.
func (f families) sorted() []*dto.MetricFamily {
	out := make([]*dto.MetricFamily, 0, len(f))
	for _, name := range slices.Sorted(maps.Keys(f)) {
		family := f[name]
		slices.SortStableFunc(family.Metric, func(a, b *dto.Metric) int {
			return cmp.Or(slices.CompareFunc(a.Label, b.Label, compareLabels), cmp.Compare(a.GetTimestampMs(), b.GetTimestampMs()))
		})
		out = append(out, family)
	}
	return out
}

func compareLabels(a, b *dto.LabelPair) int {
	return cmp.Or(cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetValue(), b.GetValue()))
}
