// Package iptsim is a packet tracer: it reads iptables-restore and ipset-restore text the
// way the kernel's tools do, and walks a virtual packet through it to a verdict.
//
// It decides what the text does to a packet. It knows no policies and must never import
// plan or render: it must read the text as the kernel does, or a mistake of theirs would
// be read back as what they meant.
//
// It is strict. A match, option, target or command that it does not know is an error, never
// a match that is skipped over. It knows what the enforcer writes and not much more: no
// nomatch, no swap of sets.
//
//	Plan ──render──▶ restore text ──iptsim──▶ verdict of a packet
//	                              ──kernel──▶ netfilter
package iptsim
