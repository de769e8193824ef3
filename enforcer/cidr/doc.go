// Package cidr is the prefix algebra of ipBlocks: it reads CIDRs as the API server does,
// and turns a union of (cidr − excepts) into plain prefixes that an ipset can hold.
//
// It decides what a CIDR text means and which addresses an ipBlock covers. It does not
// know pods, rules or sets.
//
// It must never do I/O or depend on anything but its arguments.
//
// Excepts are subtracted here, because a set with nomatch entries cannot express a union:
// {10.0.0.0/8, 10.1.2.0/24 nomatch, 10.1.0.0/16} answers no for 10.1.2.5, although the
// second block contains it.
package cidr
