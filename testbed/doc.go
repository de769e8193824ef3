// Package testbed brings up what an experiment runs on, a cluster with the engine under
// test at work in it, and takes it down again whatever has happened in between. Command
// line and go test, conformance, chaos and scale all use it.
//
// It decides which options there are, which provider each of them serves, and in which
// order cluster and engine come up and go down. It must never send a packet or judge
// anything. It imports clusters and engines; suites and scale import it.
//
//	flags ─▶ Options ─Enter─▶ (sandbox) ─Up─▶ Testbed ─▶ the experiment
//	                                           └─Down, always: once, in a bounded time
package testbed
