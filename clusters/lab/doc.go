// Package lab is a Kubernetes cluster without containers: a real control plane over a
// network made of namespaces, with nodes whose pods are processes.
//
//	host    Up, List, Status, Down, Clean: labs that outlive the command that made them,
//	        found by their state directories. A door on the host's loopback leads to the API
//	        server of each.
//	inside  Start, in a sandbox: the network (package network), the control plane (package
//	        controlplane), an agent per node (package kubelet). *Lab is a clusters.Cluster
//	        and yields an engines.Node for each node.
//
// It decides in which order things start and what belongs together. Everything that it
// makes dies with the sandbox; it must never change the host's network, and needs no
// cleanup to leave no trace there.
package lab
