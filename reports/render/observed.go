package render

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// observed lists what was seen of what the API leaves undefined. Kinds of a step of which the
// same was seen share a line.
func (t *text) observed(run *v1.Run) {
	type place struct{ where, verdict string }
	var order []place
	kinds, cells := map[place][]kind{}, map[place]int{}
	all := run.Observed()
	for i := range all {
		o := &all[i]
		p := place{"any pod to itself, by " + o.Path, cmp.Or(o.Verdict, "unknown")}
		if o.Case != "" {
			p.where = fmt.Sprintf("%s, step %q", o.Case, o.Step)
		}
		if o.Verdict == v1.ObservedMixed {
			p.verdict += fmt.Sprintf(" (%d allowed, %d denied, %d both)", o.Allowed, o.Denied, o.Mixed)
		}
		if cells[p] == 0 {
			order = append(order, p)
		}
		kinds[p] = append(kinds[p], kind{o.Path, o.Family, o.Protocol, o.Port, o.Payload, o.Flow})
		cells[p] += o.Allowed + o.Denied + o.Mixed + o.Unknown
	}
	if len(order) == 0 {
		return
	}
	t.line("observed, as the API leaves it undefined (never judged):")
	for _, p := range order {
		of := ""
		if kinds[p][0].protocol != "" {
			of = ": " + strings.TrimSuffix(title(kinds[p]), ":")
		}
		t.line("  %s: %s%s, %d cells", p.where, p.verdict, of, cells[p])
	}
	t.line("")
}
