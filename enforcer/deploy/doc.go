// Package deploy holds the manifests that run the enforcer on every node of a cluster. It
// has no code but tests: what is asked for is what the enforcer uses.
package deploy
