//go:build mutants

package mutants

import (
	"fmt"
	"slices"

	"github.com/netassay/netassay/internal/suggest"
)

// Mutant is an enforcer with one fault.
type Mutant struct {
	Name string `json:"name"`
	// Says is the fault in one sentence.
	Says string `json:"says"`
	// Cases are those that should convict it, two at least.
	Cases []string `json:"cases"`
	// Timed faults show now and then only: two runs of three must convict them.
	Timed bool `json:"timed"`
	// Equivalent says why no suite can convict it; "" when one must.
	Equivalent string `json:"equivalent,omitempty"`

	// rules stand before the enforcer's own: "FWD", "IN" or "OUT", then what iptables takes.
	// "4 " or "6 " before it keeps a rule to one family.
	rules []string
	// begin puts the rest of the fault to work on a node; may be nil.
	begin func(n *node)
}

// Right is the name of the enforcer without a fault, by which the others are controlled.
const Right = "right"

// All are the mutants, in the order of the documentation.
func All() []Mutant {
	return slices.Concat([]Mutant{{Name: Right, Says: "no fault at all: the control that every case must pass"}}, traffic(), moments(), memory(), edits(), packets())
}

// Lookup finds a mutant by name; the error names the nearest.
func Lookup(name string) (Mutant, error) {
	var names []string
	for _, m := range All() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Mutant{}, fmt.Errorf("--mutant: %w", suggest.Unknown("mutant", name, names))
}
