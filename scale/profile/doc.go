// Package profile is a load in one line: how many nodes, pods, policies, ports, peers and
// CIDRs, how they overlap, and the seed that draws them. Whoever has the line has the load.
//
// It decides what a line means and which lines are refused. It must never draw an object:
// that is scale/load.
package profile
