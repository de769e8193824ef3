// Package manifests reads what people keep in their repositories, or what helm template and
// kustomize build print, into an Inventory.
//
// It decides which pods a workload becomes, which addresses they are given, and that
// NetworkPolicies are read strictly: an unknown field, a repeated key or a value that no API
// server takes is an error with file, line and cure. Of everything else only what policies can
// see is kept; Secrets, environment and commands are not decoded.
//
// It must never reach a cluster, run a program, or judge a flow.
//
//	files, directories, - ──Read──▶ documents ──▶ pods, policies, Services ──Builder──▶ Inventory
package manifests
