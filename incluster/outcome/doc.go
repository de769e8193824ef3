// Package outcome says what is left of an experiment that ran in a pod: why it did not come to
// its end, if it didn't; the JUnit document by which Sonobuoy and CI judge it; how far it is.
//
// It is pure, and it decides one thing above all: what is green. Only an experiment that ended
// by itself and left whole results is, by these results. Whatever else happened is an error case
// in the document, with the reason.
//
// package incluster runs experiments and has this package think.
package outcome
