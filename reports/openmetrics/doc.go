// Package openmetrics tells a history to Prometheus: every figure with the time of its night, as
// promtool tsdb create-blocks-from openmetrics takes it, or one night without times, as a
// Pushgateway does.
//
// It decides how nights become samples, and nothing about figures: names, units and what they
// mean are in reports/metrics, the format is Prometheus's own encoder's.
package openmetrics
