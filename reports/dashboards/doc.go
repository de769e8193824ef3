// Package dashboards is what Grafana and Prometheus show of nights and of runs that go on: the
// dashboards as code, of which the JSON beside it is made, and Prometheus's rules.
//
// It decides what is worth a panel and what an alert. Every metric that it names is one of
// reports/metrics or reports/live; tests hold that, and ask a real Prometheus every query. It
// must never be needed by a run.
package dashboards
