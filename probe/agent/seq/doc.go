// Package seq counts what arrives of a numbered stream: what came, what did not, what came
// twice or late, and when.
//
// It is pure: numbers and times in, a wire.ReceiverReport out. It is exact however the
// datagrams are ordered; only the lists in a report are bounded.
package seq
