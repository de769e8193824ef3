// Package play plays the cases that suites/fuzz draws, side by side, until one fails, and then
// finds out whether it fails again and how much of it is needed.
//
// It decides how long and how many at once. Where cases are played is the player's: a testbed's
// data plane, by suites/runner, or nothing but paper. What is right is the oracle's, what is
// seen suites/judge's.
//
// It must never call a failure that did not come again a mistake of the harness: it is
// reported, as not confirmed.
package play
