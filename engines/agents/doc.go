// Package agents runs one agent process per node, for engines that are just that: start
// them all, ask each until it says that it is in sync, stop them.
//
// It decides how long to wait and how to stop; what in sync means is the engine's to say,
// in Spec.Ready. Questions go over the node's own loopback, which no policy can cut.
//
// It must never judge what an agent enforces, or touch rules in a node's kernel.
package agents
