// Package kubelet is the node agent of the lab: it runs real Pod objects as processes in
// network namespaces, without containers and images.
//
// The picture: virtual-kubelet's pod controller watches the pods of the node and calls the
// agent here; the agent has one worker per pod, which owns the pod's state, asks the pure
// package lifecycle what to do, and does it with the packages process (namespaces, process
// groups), podlog (what containers print) and probes. A status that changed goes back
// through the pod controller to the API server. An HTTPS server answers kubectl logs, exec
// and port-forward.
//
// The agent decides nothing about networks: clusters/lab gives it a Network, which attaches
// and releases a pod's addresses. It must never enforce a policy, and must not release an
// address while a process of the pod lives.
//
// What a container is here: a process in the pod's network and UTS namespace, a session of
// its own, and the host's file system; no volumes, no resource limits, no users.
//
// What the agent knows of a pod's spec is what somebody's suite asks for:
//
//	command, args, env with value, ports   upstream's network policy suite, own suites
//	env with fieldRef                      the enforcer's daemon set, applied to a lab
//	terminationGracePeriodSeconds          upstream's suite (0), own suites
//	readiness and liveness probes          suites/verify, the enforcer's daemon set
//	restartPolicy, back-off of restarts    pods whose liveness probe or process fails
//	hostNetwork                            the control pods of suites/fixture
//	kubectl exec, logs, port-forward       README; upstream's suite probes by exec
//
// Init containers and sidecars, startup probes, lifecycle hooks, activeDeadlineSeconds,
// variables from config maps and secrets, and containers with stdin or tty (kubectl attach)
// are used by none of these. A pod that asks for one does not start, and its status names
// the field. Nor are terminals: kubectl exec -t is refused.
package kubelet
