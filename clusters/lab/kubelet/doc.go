// Package kubelet is the node agent of the lab: it runs real Pod objects as processes in
// network namespaces, without containers and images.
//
// The picture: virtual-kubelet's pod controller watches the pods of the node and calls the
// agent here; the agent has one worker per pod, which owns the pod's state, asks the pure
// package lifecycle what to do, and does it with the packages process (namespaces, process
// groups), podlog (what containers print) and probes. A status that changed goes back
// through the pod controller to the API server. An HTTPS server answers kubectl logs, exec,
// attach and port-forward.
//
// The agent decides nothing about networks: clusters/lab gives it a Network, which attaches
// and releases a pod's addresses. It must never enforce a policy, and must not release an
// address while a process of the pod lives.
//
// What a container is here: a process in the pod's network and UTS namespace, a session of
// its own, and the host's file system; no volumes, no resource limits, no users.
package kubelet
