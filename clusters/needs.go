package clusters

import (
	corev1 "k8s.io/api/core/v1"
)

// Needs are what a suite is about to ask of a cluster, so that it can be told beforehand
// what it would not get.
type Needs struct {
	// RunID is the value of the label RunLabel of all that the suite creates.
	RunLabel, RunID string
	Permissions     []Permission
	// Samples are one pod of each kind that the suite creates.
	Samples []Sample
	// Nodes is how many nodes the suite would use; with fewer, parts of it are skipped.
	Nodes int
}

// Permission is something that the suite does to a kind of object, in namespaces that it
// has yet to create, or outside of namespaces.
type Permission struct {
	Group, Resource, Subresource string
	Verbs                        []string
}

// Sample is a pod with the namespace that it is created in.
type Sample struct {
	Namespace *corev1.Namespace
	Pod       *corev1.Pod
}
