// Package measure reads what a process and its kernel objects cost, from the outside: from
// /proc, from a cgroup, from ipset's own listing and from a metrics page.
//
// Each number here is one of several that are called "memory"; none is the other. It
// decides nothing about what is good, and must never guess: what can't be read is an error
// or absent.
package measure
