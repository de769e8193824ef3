// Package engines describes an engine under test: how it is started on the nodes of a
// lab, when it says it is ready, and what it declares unsupported.
//
// Each engine has a directory of its own beneath this one. An engine never judges itself:
// what it enforces is found out by suites.
package engines
