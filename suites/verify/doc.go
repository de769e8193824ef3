// Package verify is the check that the AKS documentation tells every user to make after
// switching NetworkPolicies on ("Verify network policy setup"), taken literally: one
// server, one client, /agnhost connect before the policy, under it, and with the label
// that the policy asks for.
//
// It decides whether the engine passed that check. It must never count a command that
// did not run as a blocked connection, and never touches a namespace that it did not
// create. It works on any clusters.Cluster.
package verify
