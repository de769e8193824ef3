// Package host looks at what of a node decides whether rules in mangle can do their work:
// kube-proxy's mode, bridges, the node's own addresses.
//
// It must never change anything, and never send a packet off the node.
package host
