// Package render writes a Plan as the text that iptables-restore and ipset restore read.
//
// It decides the spelling of the text, how large a set begins, and the content hash of a
// chain; plan has decided what the rules mean, kernel decides which pieces are written, in
// which order, and which of a set's generations a rule refers to. No other package writes
// these words; what the kernel prints, enforcer/kernel reads.
//
// It must never do I/O of its own (it writes to the io.Writer it is given), read a clock,
// or depend on anything but its arguments: the same plan gives the same bytes.
//
//	Snapshot ──plan──▶ Plan ──render──▶ restore text ──kernel──▶ netfilter
package render
