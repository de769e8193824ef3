// Package live reads the Inventory of a running cluster, and changes nothing in it.
//
// It decides what is asked of the API server: pods, namespaces, nodes, Services and
// NetworkPolicies, in pages, each page reduced before the next is asked for; and of policies of
// other APIs how many there are. What is missing of rights is found out before anything is read,
// and said in one line with the rule that grants it.
//
// It must never write to a cluster, read a Secret, or judge a flow.
//
//	existing.Cluster ──pages of 500──▶ reduced objects ──Builder──▶ Inventory
package live
