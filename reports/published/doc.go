// Package published holds what engines did, one YAML file for each engine, version and place, in the
// discipline of gateway-api's conformance reports: who was tested, by what, with which counts, what
// failed, and the commands by which anybody can see it again.
//
// It decides what such a file must have, which features an engine supports by what became of the
// cases that need them, and how the files stand beside each other in docs/engines.md. That page is
// made from the files and from nothing else.
//
// It must never judge an engine: verdicts come from runs. It does no I/O.
package published
