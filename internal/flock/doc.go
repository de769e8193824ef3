// Package flock keeps two processes from doing the same work at the same time: it locks a
// file of the cache, and says who holds the lock to whoever waits. It also tells whether the
// owner of a directory that outlives a command still lives: as long as it holds the lock there.
//
// It decides nothing about the work. It must never remove a lock's file, which would let
// two processes hold a lock of the same name.
package flock
