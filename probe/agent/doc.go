// Package agent is the resident prober: one process in a pod's network namespace that
// probes on request, answers other probers, and tells what arrived.
//
// It reports observations. It must never judge, retry a whole probe, or know of policies,
// and it imports the standard library only (and its own pure leaves), because it is what
// cmd/probe puts into pods.
//
// Three event loops (epoll, one goroutine each) keep apart what must not delay each other:
// the client loop makes probes, the server loop answers and counts what arrives, the
// sender loop sends streams by absolute schedule. Nothing inside a loop blocks,
// and no loop shares memory with another; they meet at the outbox, which queues events for
// the harness. A matrix of targets that all drop costs one timeout, as nothing waits for
// anything else.
//
// What makes a probe trustworthy:
//
//   - Deadlines are checked after the sockets: an answer that is there when the process
//     gets the CPU again counts, and a deadline that is noticed too late gives
//     Inconclusive, never Dropped.
//   - Silence is what follows several packets of one flow, sent early enough to be answered,
//     in every protocol; how many they were is reported. A TCP probe makes another
//     connection from the same port, early, which needs no privilege. So a packet that got lost,
//     or a filter that drops only the first one, is not taken for a deny.
//   - Source ports walk through their range per destination, so that a probe never meets
//     the connection tracking entry of an earlier one and inherits its verdict.
//   - Connections end with RST: no TIME_WAIT, and tracking entries go within seconds.
//   - Where CAP_NET_RAW allows, arriving SYNs are seen before anybody answers them.
package agent
