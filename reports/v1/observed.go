package v1

import (
	"cmp"
	"maps"
	"slices"
)

// What became of cells that the API leaves undefined.
const (
	ObservedAllow = "allow"
	ObservedDeny  = "deny"
	ObservedMixed = "mixed"
)

// Observed is what a run saw of cells of one kind that the API leaves undefined: it belongs
// to the engine, and is judged by nobody.
type Observed struct {
	// Case and Step ask for it. Of pods to themselves in any case only the path is told.
	Case     string `json:"case,omitempty"`
	Step     string `json:"step,omitempty"`
	Path     string `json:"path"`
	Family   string `json:"family,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Port     uint16 `json:"port,omitempty"`
	Payload  uint16 `json:"payload,omitempty"`
	Form     string `json:"form,omitempty"`
	Flow     string `json:"flow,omitempty"`
	Verdict  string `json:"verdict"` // allow, deny or mixed; "" when nothing was proved
	// Cells by what was seen of each; of Unknown nothing was proved.
	Allowed int `json:"allowed"`
	Denied  int `json:"denied"`
	Mixed   int `json:"mixed"`
	Unknown int `json:"unknown"`
}

// Observed sums up all cells that the API leaves undefined, those that a case asks for last.
func (r *Run) Observed() []Observed {
	sums := map[Observed]*Observed{}
	for c := range r.EachCell {
		if c.Want != "Undefined" || !c.Asked && c.Client != c.Server {
			continue
		}
		key := Observed{Path: c.Path}
		if c.Asked {
			key = Observed{Case: c.Case, Step: c.Step, Path: c.Path, Family: c.Family, Protocol: c.Protocol, Port: c.Port, Payload: c.Payload, Form: c.Form, Flow: c.Flow}
		}
		if sums[key] == nil {
			sums[key] = new(key)
		}
		sums[key].count(c)
	}
	all := []Observed{}
	for _, o := range slices.SortedFunc(maps.Values(sums), compareObserved) {
		all = append(all, *o)
	}
	return all
}

func (o *Observed) count(c *Cell) {
	switch c.Observed {
	case ObservedAllow:
		o.Allowed++
	case ObservedDeny:
		o.Denied++
	case ObservedMixed:
		o.Mixed++
	default:
		o.Unknown++
		return
	}
	switch {
	case o.Verdict == "":
		o.Verdict = c.Observed
	case o.Verdict != c.Observed:
		o.Verdict = ObservedMixed
	}
}

func compareObserved(a, b *Observed) int {
	return cmp.Or(cmp.Compare(a.Case, b.Case), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Payload, b.Payload), cmp.Compare(a.Form, b.Form), cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Family, b.Family))
}
