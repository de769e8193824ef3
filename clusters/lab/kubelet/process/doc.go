// Package process starts a pod's processes in the pod's namespaces and makes sure that
// none outlives the pod.
//
// A Space is what the processes of one pod share: a network namespace, which the caller
// gives as a function that runs code inside of it, and a UTS namespace of its own with the
// pod's hostname. The UTS namespace is also how the pod's processes are recognised: a
// process can leave its session and its parents, but it stays in the UTS namespace.
//
// The package knows nothing of pods, probes and restarts.
package process
