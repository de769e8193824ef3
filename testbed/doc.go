// Package testbed brings up where cases are played: a cluster, with the engine under test at
// work in it. One type per kind of cluster, each a Provider.
//
// It decides what of a cluster and an engine belongs together, and in which order they
// come up and go down. It must never play a case or judge anything, and what it brought up
// it must be able to take down, whatever has happened in between.
//
//	flags ─▶ Provider ─Up─▶ Testbed ─▶ suites/runner
//	                         └─Down, always
package testbed
