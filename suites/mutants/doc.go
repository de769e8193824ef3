// Package mutants holds the catalogue of cases against engines with a known fault: the mutants
// of enforcer/mutants, which are the reference enforcer but for what needs time or state. One
// lab stays up; each mutant is put to work on it, and plays the cases that should convict it.
// The table of who convicts whom is docs/live-mutants.md. (suites/misread does the same for
// misreadings of the API, on paper.)
//
// It has no code but tests. It must never know what a mutant does: that is a program, of which
// it has the name, the sentence that describes it, and the cases. Nor must a case be made to
// fit a mutant: one that survives is a finding.
package mutants
