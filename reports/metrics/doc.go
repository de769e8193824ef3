// Package metrics names the figures that are followed from night to night, and takes them out of
// the summaries of runs.
//
// It decides what each is called, in which base unit it is, and whether less of it is better.
// Names are those of Prometheus and stay: histories, dashboards and alerts hold them. It is pure
// and must never judge a figure; whether one has changed, reports/trend says.
package metrics
