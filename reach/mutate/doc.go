// Package mutate makes people's policies wrong, in the ways in which people get policies wrong.
//
// It decides what a mistake is: one object of a set of policies changed in one place, or gone. What
// a mistake changes is the oracle's to say, and whether somebody would notice is reach/assert's.
//
// It is pure, and leaves the policies that it is given as they are. It must never make two changes
// at once: a mistake that expectations don't notice has to be readable.
//
//	policies ──Mistakes──▶ the same, with one mistake ──expectations──▶ noticed, or not ──▶ kill matrix
package mutate
