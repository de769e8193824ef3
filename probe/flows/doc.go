// Package flows watches flows from pod to pod while something changes, and says what their
// packets showed: when a change became true and whether it stayed so, and how many packets
// of flows that nothing was to change for leaked or were lost.
//
// The caller says what changes when, and which verdict each change has to bring. A flow
// that changes on purpose is watched by one-way streams and read by Observe:
//
//	flips := flows.Flips{
//		Flows: flows.To(server, 80, near, far), Allowed: true, N: 50, Within: time.Minute,
//		Deny: create, Allow: remove, // each returns when the change was acknowledged
//	}
//	w := flows.Watcher{Fleet: fleet, Silence: 60 * time.Millisecond, Deadline: 30 * time.Second}
//	streams, err := flows.Start(ctx, fleet, flips.Flows, probe.Stream{Interval: time.Millisecond})
//	…
//	changes, short, err := w.Alternate(ctx, flips)
//	watched, err := streams.Stop(ctx)
//	for _, c := range changes {
//		for _, stream := range watched {
//			seen := flows.Observe(c, stream.Report) // seen.Stable - c.Ack: how long it took
//		}
//	}
//
// A flow that must not change is watched by a stream that says so (probe.Stream.Blocked for
// one of which nothing may arrive) and read by Count, Wrong and Unproven.
//
// flow.go, timeline.go and count.go are pure: reports go in, findings come out. await.go,
// streams.go and alternate.go are the edge. New connections only set the pace of changes;
// what is measured is what the streams' receivers have seen.
//
// It must never know of a policy or of an engine, take a packet that was not sent for one
// that was dropped, or say something of a time in which the sender was silent. Chaos and
// scale stand on it.
package flows
