package runner

import (
	"cmp"
	"fmt"
	"math/rand/v2"
)

// NewID names a run; it is part of the names of its namespaces.
func NewID() string { return fmt.Sprintf("%06x", rand.Uint32N(1<<24)) }

// SeedOr is seed, or a fresh one when it is 0.
func SeedOr(seed uint64) uint64 { return cmp.Or(seed, uint64(rand.Uint32())) }
