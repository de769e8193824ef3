// Package pods finds pods that run and starts their resident probers, each by one exec
// into the container that probe/podspec spells.
//
// It decides when a pod is there to be probed, and how a prober is spoken to. It must
// never create or change an object, or know why the pod is there. Conformance, chaos and
// scale all come by their probers through it; clusters implement Execer.
package pods
