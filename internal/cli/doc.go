// Package cli is the netassay command: flags in, exit code out.
//
// It decides what a user may type, what is checked before anything starts, and which
// exit code ends it. It must never judge: outcomes come from suites, and the lab, the
// engines and the reports do the work. Every command that needs a lab enters a sandbox
// (the same command line runs again inside fresh namespaces), so that whatever happens
// to it nothing is left behind.
package cli
