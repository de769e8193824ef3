// Package terminaltest shows tests what a person would see: it opens pseudo-terminals, and
// keeps a picture of all lines that were ever on one.
//
// It knows the few escape sequences that package terminal writes, and fails a test that writes
// another one.
package terminaltest
