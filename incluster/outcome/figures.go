package outcome

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// Figures are the numbers in the summary of an experiment (summary.json). What can't be read has
// none: the document then lacks numbers, and no more.
func Figures(summary []byte) []Figure {
	var s struct {
		Verdict v1.Verdict         `json:"verdict"`
		Figures map[string]any     `json:"figures"`
		Engines []v1.EngineSummary `json:"engines"`
	}
	if json.Unmarshal(summary, &s) != nil {
		return nil
	}
	all := []Figure{{"verdict", string(s.Verdict)}}
	for _, name := range slices.Sorted(maps.Keys(s.Figures)) {
		if v, ok := s.Figures[name].(float64); ok {
			all = append(all, Figure{name, strconv.FormatFloat(v, 'f', -1, 64)})
		}
	}
	for i := range s.Engines {
		all = append(all, ofEngine(&s.Engines[i])...)
	}
	return all
}

// ofEngine are convergence, leaks and memory of one engine in a scale run.
func ofEngine(e *v1.EngineSummary) []Figure {
	var all []Figure
	add := func(name, value string) {
		all = append(all, Figure{strings.ReplaceAll(e.Engine+" "+name, " ", "_"), value})
	}
	for i := range e.Transitions {
		t := &e.Transitions[i]
		add(t.Transition+" p50", t.P50.String()+" ms")
		add(t.Transition+" p99", t.P99.String()+" ms")
	}
	add("leak packets", strconv.FormatUint(e.LeakPackets, 10))
	add("lost packets", strconv.FormatUint(e.LostPackets, 10))
	for i := range e.Memory {
		row := &e.Memory[i]
		if loaded := row.At(v1.PhaseLoaded); loaded != nil {
			add(fmt.Sprintf("%s %s", row.Name, v1.PhaseLoaded), v1.Quantity(*loaded, row.Unit))
		}
	}
	return all
}
