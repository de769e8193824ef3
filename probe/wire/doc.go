// Package wire is what a resident prober and the harness say to each other: JSON lines on
// the prober's standard input (requests) and output (events), and the few bytes that
// probers send to each other over the network under test.
//
// It decides formats and nothing else. It must never open a socket, keep state or know
// about policies, and it imports the standard library only, because it is linked into the
// binary that runs inside pods.
//
// The stream. The first line from the prober is a Hello. After it, each line from the
// harness is one Request and each line from the prober is one Event. Lines are at most
// MaxLine bytes. A prober ends when its standard input does, or when a request says so. A
// detached one, which is its pod's main process, waits for the next stream instead; of the
// two only the request ends it, and its container with exit code 0.
//
// Backpressure. A prober reads requests at all times and never waits for the harness to
// read: events queue in its memory. What a request causes is bounded by the request, so
// that queue is too; receipts are caused by other people's packets, so they are the one
// thing that is thrown away (and counted in Event.Lost) when MaxQueued bytes wait.
//
// Times are CLOCK_MONOTONIC of the machine that the prober runs on, in nanoseconds.
package wire
