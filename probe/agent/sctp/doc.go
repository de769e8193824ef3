// Package sctp builds and reads the three SCTP packets that a probe needs (INIT, INIT ACK,
// ABORT), because kernels without SCTP sockets forward and filter SCTP all the same.
//
// It is pure: bytes in, bytes out. It is no SCTP stack: an association never gets past the
// INIT ACK, which is all that a packet filter's verdict on a new flow takes.
//
// Source: RFC 9260 (packets, verification tags), RFC 4820 (padding parameter), appendix A
// of RFC 9260 (checksum).
package sctp
