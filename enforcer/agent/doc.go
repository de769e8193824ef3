// Package agent is the enforcer's loop on one node: watch, plan, kernel, report.
//
// It decides when: the first change after a quiet time is acted upon at once, many changes
// become one sync, a failed sync is tried again later, the kernel is checked for drift now
// and then. What to enforce is enforcer/plan's, how it gets into the kernel is
// enforcer/kernel's.
//
// It must never touch the kernel before the watch is in sync, nor when it ends: rules go
// on enforcing without it. It holds no state that a restart would need.
//
//	API ──watch──▶ Snapshot ──plan──▶ Plan ──render──▶ restore text ──kernel──▶ netfilter
package agent
