// Package load draws the objects of a profile, and the sequence of changes of a churn: the
// same line gives the same bytes on every machine.
//
// Generate gives namespaces, nodes, pods and policies. Schedule gives changes with the time
// at which each falls due; a latency counts from that time, so that an API server or a
// harness that falls behind shows in the figures and does not hide in them.
//
// It must never do I/O or read a clock; who writes the objects, and measures, is elsewhere.
package load
