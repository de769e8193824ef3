// Package image builds a container image without a registry and without a container tool:
// a static program, and for those that call them Debian's iptables and ipset, from the
// packages that are installed on the machine that builds or in another root filesystem.
//
// It decides which files are in the image and how they are packed. The same files give the
// same bytes. It must never run what it packs, and never take a file that no installed
// package owns, apart from the program.
package image
