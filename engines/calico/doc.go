// Package calico starts Felix, the agent of Calico, on each node: with the Kubernetes API as its
// store, the iptables data plane, and policy alone, as Calico runs beside the plugins of clouds.
//
// It writes what Felix needs to find in the API server (definitions, that the store is ready), and
// waits until each agent says that it is ready. No Typha, no IP pools, no controllers: pods'
// addresses and routes are the lab's.
//
// It judges nothing; what the agents enforce is found out by suites.
package calico
