// Package second holds the test that asks a second oracle, cyclonus's matcher, about the worlds
// that suites/fuzz draws. It is a module of its own, so that nothing else depends on cyclonus.
package second
