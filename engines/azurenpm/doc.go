// Package azurenpm starts Azure Network Policy Manager (NPM), one agent per node, and
// waits until each has gone through what there was when it started.
//
// Three things that NPM finds on an AKS node have to be made or waited for: the chain by
// which a kubelet tells which iptables it uses (NPM ends without it), the name of the node
// in HOSTNAME, and the key of its telemetry: without one, as in any build but Microsoft's
// own, NPM tries three times, a minute apart, before it does anything else. So its start
// takes some three minutes; whoever measures counts from its readiness.
//
// It judges nothing; what the agents enforce is found out by suites.
package azurenpm
