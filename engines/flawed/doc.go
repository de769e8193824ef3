// Package flawed makes engines that are wrong in a known way out of one that is right, for
// the harness to show what it can measure: one that is late by a time, and one that opens
// everything for a time at each change.
//
// The engine itself is not touched. It talks to the API server through a proxy on its node,
// which holds back what it is told, or sees from it that something has changed.
//
// It must never be put before an engine that is measured for itself.
package flawed
