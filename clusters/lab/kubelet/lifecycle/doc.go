// Package lifecycle decides what a pod's containers should do next and what the pod's
// status says about them. It is the node agent's judgement, without its hands: pure
// functions of what is known of the containers and of the time, which the caller gives.
//
// It must never start, stop, wait or log. The worker of clusters/lab/kubelet keeps one Pod
// value per pod, reports what happened into it, asks Decide, acts, and publishes Status.
package lifecycle
