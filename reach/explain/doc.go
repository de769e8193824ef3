// Package explain says why one flow passes or does not, and what nearly let it: a selector that
// matches nothing, a label with a typing error, a port that nobody listens on.
//
// It decides what is near, and never what is right: the verdict and its reasons are the oracle's
// own, and so is whether a selector matches. It must never do I/O.
//
//	Inventory, Matrix, two classes, a port ──Flow──▶ Explanation ──Text──▶ text
package explain
