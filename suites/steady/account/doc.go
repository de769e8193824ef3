// Package account decides what the packets of flows say whose verdict never changes: how many
// that had to be dropped got through, how many that had to pass were lost, and whether the
// harness saw enough to say so.
//
// It is pure: reports go in, figures come out. It must never take a packet that was not
// sent for one that was dropped, nor silence for a deny while nothing else reached the
// same receiver.
package account
