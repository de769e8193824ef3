package mutate

import (
	"strings"

	"github.com/netassay/netassay/reach/assert"
	"github.com/netassay/netassay/reach/inventory"
)

// Outcome is what becomes of a mistake.
type Outcome string

// The outcomes.
const (
	Noticed   Outcome = "noticed"   // an expectation does not hold any more
	Unnoticed Outcome = "unnoticed" // flows change, and no expectation says so
	Same      Outcome = "same"      // no flow changes: it is no mistake
)

// Judged is a mistake and what became of it.
type Judged struct {
	Kind    Kind    `json:"kind"`
	Policy  string  `json:"policy"`
	Field   string  `json:"field,omitempty"`
	Detail  string  `json:"detail"`
	Outcome Outcome `json:"outcome"`
	By      string  `json:"by,omitempty"` // file:line of the first expectation that notices it
	// Example is a flow that changes, of mistakes that nobody notices.
	Example *assert.Change `json:"example,omitempty"`
}

// Matrix is what became of all mistakes.
type Matrix struct {
	Mistakes []Judged `json:"mistakes"`
}

// Count is the number of mistakes of an outcome.
func (m *Matrix) Count(o Outcome) (n int) {
	for i := range m.Mistakes {
		if m.Mistakes[i].Outcome == o {
			n++
		}
	}
	return n
}

// Percent is how many of the mistakes that change a flow are noticed; 100 where there are none.
func (m *Matrix) Percent() float64 {
	noticed, not := m.Count(Noticed), m.Count(Unnoticed)
	if noticed+not == 0 {
		return 100
	}
	return 100 * float64(noticed) / float64(noticed+not)
}

// Judge makes all single mistakes in an inventory's policies and asks which the plan notices; a
// plan whose expectations hold without any. tell hears how many are done, of how many.
func Judge(inv *inventory.Inventory, plan *assert.Plan, tell func(done, of int)) *Matrix {
	mistakes := Mistakes(inv.Policies)
	universe := assert.NewUniverse(inv)
	m := &Matrix{Mistakes: []Judged{}}
	for i, one := range mistakes {
		j := Judged{Kind: one.Kind, Policy: one.Policy, Field: one.Field, Detail: one.Detail}
		namespace, _, _ := strings.Cut(one.Policy, "/")
		if by, ok := plan.Noticed(one.Policies, namespace); ok {
			j.Outcome, j.By = Noticed, by
		} else if c, ok := universe.Changed(inv.Policies, one.Policies, namespace); ok {
			j.Outcome, j.Example = Unnoticed, &c
		} else {
			j.Outcome = Same
		}
		m.Mistakes = append(m.Mistakes, j)
		tell(i+1, len(mistakes))
	}
	return m
}
