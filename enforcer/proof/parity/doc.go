// Package parity holds the tests that compare enforcer/iptsim with the real tools and the
// real kernel, inside a sandbox: both must take the same rendered text, and forward and
// drop the same packets.
//
// It has no code outside of tests, and nothing may import it.
package parity
