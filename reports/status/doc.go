// Package status says in one line how far a run is, for a person who waits.
//
// It decides what of a run is worth its place in that line, most important first, because a
// narrow terminal cuts the rest off. It sees the run's stream of records and nothing else, as
// reports/live does for Prometheus, so that every experiment is told the same way.
//
// It must never do I/O, read a clock or judge: what is wrong, the records say.
package status
