package agents

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/internal/sandbox"
)

const (
	getTimeout = 5 * time.Second
	// getLimit bounds an answer; the metrics of a large engine have a few MiB.
	getLimit = 64 << 20
)

// Getter fetches from servers on a node's loopback.
type Getter struct {
	client *http.Client
}

// NewGetter makes a Getter for n.
func NewGetter(n engines.Node) *Getter {
	return &Getter{client: &http.Client{
		Transport: &http.Transport{DialContext: sandbox.DialIn(n.Do), DisableKeepAlives: true},
		Timeout:   getTimeout,
	}}
}

// REST is the configuration of clients of the API server from a node, as its agent reaches it.
func REST(n engines.Node) (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", n.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig of %s: %w", n.Name(), err)
	}
	cfg.Dial = sandbox.DialIn(n.Do)
	return cfg, nil
}

// Get fetches url; any status but 200 is an error.
func (g *Getter) Get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, getLimit))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: status %d: %.200s", url, resp.StatusCode, bytes.TrimSpace(body))
	}
	return body, nil
}

// ReadyAt is a Spec's Ready that is satisfied when url, asked from the node itself, answers
// 200.
func ReadyAt(url string) func(context.Context, engines.Node) (Question, error) {
	return func(_ context.Context, n engines.Node) (Question, error) {
		g := NewGetter(n)
		return func(ctx context.Context) error {
			_, err := g.Get(ctx, url)
			return err
		}, nil
	}
}

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
