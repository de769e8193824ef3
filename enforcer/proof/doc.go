// Package proof holds the tests that may see both sides: it proves that what plan and
// render make of a snapshot judges every flow as suites/oracle does, by walking packets
// through the rendered text with iptsim.
//
// It has no code outside of tests, and nothing may import it: the oracle and the compiler
// share nouns, never semantics.
package proof
