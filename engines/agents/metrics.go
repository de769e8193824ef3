package agents

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics is a page of metrics in Prometheus' text format, by the names of families.
type Metrics map[string]*dto.MetricFamily

// ParseMetrics reads a page.
func ParseMetrics(text []byte) (Metrics, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return families, nil
}

// Metrics fetches a page and reads it.
func (g *Getter) Metrics(ctx context.Context, url string) (Metrics, error) {
	text, err := g.Get(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return ParseMetrics(text)
}

// Sum adds up the samples of a metric whose labels include all of want, given as name and
// value in turn. It is not ok when no sample does. The count of a summary or a histogram is a
// metric by the name that the page gives it, with _count.
func (m Metrics) Sum(metric string, want ...string) (total float64, ok bool) {
	family, counts := m[metric], false
	if family == nil {
		var name string
		if name, counts = strings.CutSuffix(metric, "_count"); counts {
			family = m[name]
		}
	}
	for _, sample := range family.GetMetric() {
		if !hasAll(sample.GetLabel(), want) {
			continue
		}
		switch {
		case counts:
			total += float64(sample.GetSummary().GetSampleCount() + sample.GetHistogram().GetSampleCount())
		default:
			total += sample.GetCounter().GetValue() + sample.GetGauge().GetValue() + sample.GetUntyped().GetValue()
		}
		ok = true
	}
	return total, ok
}

// hasAll reports whether labels include each of want, name and value in turn.
func hasAll(labels []*dto.LabelPair, want []string) bool {
	values := map[string]string{}
	for _, l := range labels {
		values[l.GetName()] = l.GetValue()
	}
	for i := 0; i+1 < len(want); i += 2 {
		if value, ok := values[want[i]]; !ok || value != want[i+1] {
			return false
		}
	}
	return true
}
