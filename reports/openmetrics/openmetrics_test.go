package openmetrics

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/netassay/netassay/internal/golden"
	"github.com/netassay/netassay/reports/internal/nights"
	"github.com/netassay/netassay/reports/metrics"
	"github.com/netassay/netassay/reports/trend"
	"github.com/netassay/netassay/reports/trend/changepoint"
	v1 "github.com/netassay/netassay/reports/v1"
)

func invented(t *testing.T, n int) ([]v1.Night, *trend.Trend) {
	t.Helper()
	all := nights.Invent(n, 1)
	out, err := trend.Of(all, changepoint.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return all, out
}

func TestWrite(t *testing.T) {
	all, changes := invented(t, 25)
	for i := range all {
		all[i].Metrics = []v1.Metric{all[i].Metrics[0]}
		all[i].Runs = all[i].Runs[:1]
	}
	all[3].Tool = `v"2"` + "\n"
	changes.Changes = changes.Changes[:2]
	var got strings.Builder
	if err := Write(&got, all[:4], changes); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/metrics.txt"
	golden.Check(t, path, got.String())
}

// What Prometheus's own linter says of the names.
func TestNamesFollowConventions(t *testing.T) {
	all, changes := invented(t, 25)
	problems, err := promlint.NewWithMetricFamilies(Families(all[:1], changes)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// A Pushgateway takes no times, and knows no other night.
func TestLast(t *testing.T) {
	all, changes := invented(t, 25)
	n := 0
	for _, f := range Last(all, changes) {
		for _, m := range f.Metric {
			n++
			if m.TimestampMs != nil {
				t.Errorf("%s has a time", f.GetName())
			}
		}
	}
	if want := len(all[24].Metrics) + len(all[24].Runs) + len(changes.Changes); n != want || len(changes.Changes) < 5 {
		t.Errorf("%d samples, want %d", n, want)
	}
	if got := Last(nil, &trend.Trend{}); got != nil {
		t.Errorf("no night has %v", got)
	}
	if metrics.Lookup(metrics.Change).Help == "" {
		t.Error("changes are not defined")
	}
}
