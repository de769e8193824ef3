// Package golden holds what a test made against the file in which it is kept, and writes that file
// anew for a test that was called with -update.
//
// It decides nothing: the one who looks at the difference does. It stands below all packages, and
// only their tests import it.
//
//	what a test made ─▶ golden ─▶ the file is the same | a difference | the file, anew
package golden
