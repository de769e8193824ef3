// Package deploy holds the manifests that run the enforcer on every node of a cluster, and
// gives them for a certain image. Its tests hold them against what the enforcer uses.
package deploy
