// Package changepoint finds the nights at which a series of nightly figures took another level,
// and leaves alone what is noise.
//
// The method is that of E-divisive means (Matteson and James, 2014) as Hunter and Apache Otava
// made it fit for nightly benchmarks: the split that divides a stretch best, by the energy
// distance of its two sides, is put to a t-test instead of random permutations, so that equal
// series give equal answers; a stretch is at most a window long, so that an old change does not
// hide a new one; splits are first taken at a loose level, and then those are merged away that
// do not hold at the strict one. One thing is added: a lone outlier is put back among its
// neighbours first, because one bad night is no change.
//
// It is pure arithmetic, and must never know what a figure means, nor read a clock or a file. A
// change for the better is a change as well: which is which, reports/trend says.
package changepoint
