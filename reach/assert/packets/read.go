package packets

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/reach/assert"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Live is how the expectations fared with packets.
type Live struct {
	Engine string `json:"engine"`
	Flows  int    `json:"flows"`  // that were judged
	Unsure int    `json:"unsure"` // of which nothing was proved
	Left   int    `json:"left"`   // that a lab can't have, or that the engine says it lacks
	Wrong  []Flow `json:"wrong"`
}

// Flow is one that the engine got wrong.
type Flow struct {
	At     string `json:"at"` // file:line of its expectation
	Client string `json:"client"`
	Server string `json:"server"`
	Port   string `json:"port"`
	Family string `json:"family"`
	Want   string `json:"want"`
	Reason string `json:"reason"`
}

// cellKey names a cell in the words of a report.
type cellKey struct {
	client, server, family, protocol string
	port                             uint16
}

// Read finds the flows in what a run saw of the last step of the case, among others that it played.
func (p *Play) Read(run *v1.Run) *Live {
	l := &Live{Engine: strings.TrimSpace(run.Engine + " " + run.EngineVersion), Left: len(p.left), Wrong: []Flow{}}
	seen := map[cellKey]*v1.Cell{}
	for i := range run.Cases {
		steps := run.Cases[i].Steps
		for j := range steps {
			if run.Cases[i].Name != p.Case.Name || steps[j].Name != p.Case.Steps[len(p.Case.Steps)-1].Name {
				continue
			}
			for k := range steps[j].Cells {
				c := &steps[j].Cells[k]
				seen[cellKey{c.Client, c.Server, c.Family, c.Protocol, c.Port}] = c
			}
		}
	}
	for _, q := range p.questions {
		f := q.Flow
		c := seen[cellKey{played(q.Client), played(q.Server), string(model.FamilyOf(f.Client)), string(f.Protocol), f.Port}]
		l.note(q, c)
	}
	return l
}

func (l *Live) note(q assert.Question, c *v1.Cell) {
	switch {
	case c != nil && c.Outcome == v1.Pass && c.Want == string(q.Want):
		l.Flows++
	case c != nil && c.Outcome == v1.Fail:
		l.Flows++
		l.Wrong = append(l.Wrong, Flow{q.At, q.Client, q.Server, fmt.Sprintf("%d/%s", c.Port, c.Protocol), c.Family, c.Want, c.Reason})
	case c != nil && (c.Outcome == v1.NotSupported || c.Outcome == v1.Skipped):
		l.Left++
	default:
		l.Unsure++
	}
}

// played is an end's key in the case.
func played(key string) string {
	key = slashed(key)
	if namespace, name, ok := strings.Cut(key, "/"); ok && namespace != "world" {
		return logical(namespace) + "/" + name
	}
	return key
}

// Verdict is what the flows say together. A run of which something was not proved says nothing.
func (l *Live) Verdict() v1.Verdict {
	switch {
	case len(l.Wrong) > 0:
		return v1.VerdictFail
	case l.Unsure > 0 || l.Flows == 0:
		return v1.VerdictVoid
	}
	return v1.VerdictPass
}

// examples is how many flows of an expectation are told.
const examples = 3

// String tells it in lines.
func (l *Live) String() string {
	var b strings.Builder
	told := map[string]int{}
	for _, f := range l.Wrong {
		if told[f.At]++; told[f.At] <= examples {
			fmt.Fprintf(&b, "%s: %s -> %s %s %s: %s\n", f.At, f.Client, f.Server, f.Port, f.Family, cmp.Or(f.Reason, "want "+f.Want))
		}
	}
	for _, at := range slices.Sorted(maps.Keys(told)) {
		if more := told[at] - examples; more > 0 {
			fmt.Fprintf(&b, "%s: %d more\n", at, more)
		}
	}
	fmt.Fprintf(&b, "live: %s: %d of %d flows are as expected", l.Engine, l.Flows-len(l.Wrong), l.Flows)
	if l.Unsure > 0 {
		fmt.Fprintf(&b, "; of %d more nothing was proved", l.Unsure)
	}
	if l.Left > 0 {
		fmt.Fprintf(&b, "; %d were not played: the lab has no nodes of yours and no hosts but of documentation ranges, or the engine says that it lacks what they need", l.Left)
	}
	b.WriteString("\n")
	return b.String()
}
