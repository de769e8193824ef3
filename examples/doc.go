// Package examples holds a test alone: examples/ci, copied into a module of its own as the
// repository of an engine would, plays cases there.
//
// It decides nothing. It must use no more of this checkout than such a repository can: what
// go get brings, and documented names.
package examples
