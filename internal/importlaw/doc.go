// Package importlaw is a test: it holds the law of who may import whom.
//
// The law has two halves. The order lists every package and lets each import only what
// stands before it, in directories that it may see: no arrow runs up or sideways, and a new
// package has to say where it stands. The rules say what must not be reached over any
// distance, from tests too, each with its reason.
//
// It decides nothing at run time and has no code outside of its test. The linter (depguard
// in .golangci.yml) holds a part of the rules for direct imports and speaks sooner; this
// test sees through intermediate packages, and fails when a package that it names is gone,
// so that no rule is kept by nobody.
//
// docs/architecture.md explains the law; a change of it changes that page too.
package importlaw
