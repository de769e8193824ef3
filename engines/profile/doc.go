// Package profile reads what is known of an engine before it is judged: how a live cluster shows
// that it has it, what it is documented to lack and what it does then, what it does where the API
// leaves the choice, and with which options it is run here and why. Each engine that has one keeps
// it beside its code as profile.yaml.
//
// It decides what a profile must say, and that a lack is no excuse for an open door. It must never
// look at a cluster or start anything: clusters/existing recognises by it, an engine takes its
// options from it.
package profile
