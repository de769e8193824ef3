package runner

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
)

// NewID names a run; it is part of the names of its namespaces.
func NewID() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// SeedOr is seed, or a fresh one when it is 0.
func SeedOr(seed uint64) uint64 {
	if seed != 0 {
		return seed
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return uint64(binary.BigEndian.Uint32(b[:]))
}
