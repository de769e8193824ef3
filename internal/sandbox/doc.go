// Package sandbox runs the current program inside private Linux namespaces, so that
// whatever it does to networks, packet filters and mounts dies with it and no packet can
// leave.
//
// The picture, from the outside in:
//
//	outer   the program as the user started it, in the host's namespaces. It waits.
//	init    the same program as pid 1 of a new pid namespace, with new mount, network,
//	        uts and ipc namespaces (and a user namespace when the user is not root). It
//	        mounts, reaps zombies and forwards signals, nothing else.
//	worker  the same program with the same arguments, where Inside is true. Everything
//	        that it starts lives in the namespaces of init.
//
// Death is wired through the kernel and needs no cleanup code: when outer dies, its
// parent-death signal kills init; when init dies, the kernel kills all of the pid
// namespace; when worker dies, init exits. The last process takes the namespaces along.
//
// The package decides nothing about clusters or networks. It must never change anything
// in the host's own namespaces.
package sandbox
