// Package live counts what a run records while it goes on, for Prometheus to scrape.
//
// It decides the names of these metrics and which record counts as what. It sees the run's stream
// of records and nothing else, so that every experiment is told the same way, and what is counted
// is what a reader of the result directory will count. It serves nothing: internal/cli does, and
// it must never slow a run down or judge it.
package live
