// Package kindtest holds those scenarios of docs/scenarios.md that need real kubelets and
// real containers: the probes of a kubelet under default deny, the first packet of a new
// container, an update of the agent while packets flow, a node that restarts.
//
// It has no code but tests, which make a cluster of kind and deploy the reference enforcer
// to it. They must never judge by a policy's meaning (suites/cases does): each has one
// policy that could not be simpler, and asks when it holds.
package kindtest
