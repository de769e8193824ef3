// Package podspec spells the pod that a prober lives in: its container, and a bare pod of
// that container alone for those who place pods themselves.
//
// It decides what the container may do and what runs in it before its prober is started.
// It is pure, and must never know of a case, a policy or a cluster. probe/pods starts
// probers in such containers; suites/fixture puts the container beside others.
package podspec
