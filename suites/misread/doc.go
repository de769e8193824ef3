// Package misread holds wrong readings of the NetworkPolicy specification: each takes one of
// its sentences as an engine could take it by mistake, and reads all others as they are meant.
//
// It decides what an engine with that misreading would do with a flow. The catalogue of cases
// is held against all of them: one whose every cell is pinned to what it would do is a fault
// that the suite can't see, and a fault that hangs on a single case is one edit from it.
//
// It is pure. It must never be used to judge an engine: suites/oracle says what is right, and
// the right reading here (Right) exists only for the wrong ones to differ from.
package misread
