package page

import (
	"encoding/binary"
	"math"
	"slices"

	v1 "github.com/netassay/netassay/reports/v1"
)

// cells are the cells of a run in columns: what is the same of many is told once and numbered.
type cells struct {
	N        int      `json:"n"`
	Hold     float64  `json:"hold"`     // how long a verdict must stay right, in ms
	Deadline float64  `json:"deadline"` // from the ack, in ms
	Names    []string `json:"names"`    // of pods and nodes
	Kinds    []kind   `json:"kinds"`
	Fates    []fate   `json:"fates"`
	Texts    []string `json:"texts"` // reasons, evidence, courses; the first is empty
	Cases    []caseOf `json:"cases"`
	Columns  []column `json:"columns"`

	columns [][]byte // of numbers, as Columns says
}

// kind is how a cell is probed.
type kind [7]any // path, family, protocol, port, payload, form, flow

// fate is what was wanted of a cell, what was seen, and what that means.
type fate [7]any // want, seen, outcome, kind of failure, changed, asked, observed

// column says how wide the numbers of a column are, in bytes.
type column struct {
	Name  string `json:"name"`
	Width int    `json:"width"`
}

// unplayed is what the page calls a case that a run has still to play, or never came to.
const unplayed = "Unplayed"

// caseOf is a case; its cells are those of its steps, in order.
type caseOf struct {
	Name     string   `json:"name"`
	Title    string   `json:"title,omitempty"`
	Spec     string   `json:"spec,omitempty"`
	Features []string `json:"features,omitempty"`
	Outcome  string   `json:"outcome"`
	Reason   string   `json:"reason,omitempty"`
	Seconds  float64  `json:"seconds"`
	Steps    []stepOf `json:"steps,omitempty"`
}

type stepOf struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	Ack     float64 `json:"ack"` // from the first write
	Millis  float64 `json:"ms"`  // the whole step
	Rounds  int     `json:"rounds"`
	Probes  int     `json:"probes"`
	Cells   int     `json:"cells"`
}

// numbered gives equal things equal numbers, in the order in which they come.
type numbered[T comparable] struct {
	all []T
	at  map[T]uint32
}

func (n *numbered[T]) of(v T) uint32 {
	i, ok := n.at[v]
	if !ok {
		if n.at == nil {
			n.at = map[T]uint32{}
		}
		i = uint32(len(n.all))
		n.at[v], n.all = i, append(n.all, v)
	}
	return i
}

// columnNames are the columns in their order.
var columnNames = []string{"client", "server", "kind", "fate", "flips", "probes", "first", "stable", "resolution", "reason", "because", "evidence", "course"}

// packing is what cells are packed with.
type packing struct {
	names  numbered[string]
	kinds  numbered[kind]
	fates  numbered[fate]
	texts  numbered[string]
	values [][]uint32 // by column
}

// pack turns the cells of a run into columns.
func pack(run *v1.Run) *cells {
	p := packing{values: make([][]uint32, len(columnNames))}
	p.texts.of("")
	out := &cells{Hold: run.Timing.Hold, Deadline: run.Timing.Deadline}
	for i := range run.Cases {
		c := &run.Cases[i]
		one := caseOf{Name: c.Name, Title: c.Title, Spec: c.Spec, Features: c.Features, Outcome: string(c.Outcome), Reason: c.Reason, Seconds: precise(c.Seconds)}
		for j := range c.Steps {
			s := &c.Steps[j]
			one.Steps = append(one.Steps, stepOf{
				Name: s.Name, Outcome: string(s.Outcome), Reason: s.Reason, Ack: precise(s.AckMS), Millis: precise(s.Millis),
				Rounds: s.Rounds, Probes: s.Probes, Cells: len(s.Cells),
			})
			out.N += len(s.Cells)
			for k := range s.Cells {
				p.add(&s.Cells[k])
			}
		}
		out.Cases = append(out.Cases, one)
	}
	for _, name := range run.Order {
		if !slices.ContainsFunc(run.Cases, func(c v1.Case) bool { return c.Name == name }) {
			out.Cases = append(out.Cases, caseOf{Name: name, Outcome: unplayed, Reason: "not played so far"})
		}
	}
	out.Names, out.Kinds, out.Fates, out.Texts = p.names.all, p.kinds.all, p.fates.all, p.texts.all
	for i, name := range columnNames {
		width, bytes := narrow(p.values[i])
		out.Columns, out.columns = append(out.Columns, column{name, width}), append(out.columns, bytes)
	}
	return out
}

func (p *packing) add(c *v1.Cell) {
	evidence := c.Evidence
	if c.Outcome == v1.Pass || c.Outcome == v1.Skipped {
		evidence = "" // it says little, and differs from cell to cell; the records have it
	}
	row := [...]uint32{
		p.names.of(c.Client), p.names.of(c.Server),
		p.kinds.of(kind{c.Path, c.Family, c.Protocol, c.Port, c.Payload, c.Form, c.Flow}),
		p.fates.of(fate{c.Want, c.Seen, string(c.Outcome), string(c.Kind), bit(c.Changed), bit(c.Asked), c.Observed}),
		uint32(c.Flips), uint32(c.Probes),
		tenths(c.FirstRight), tenths(c.Stable), tenths(c.Resolution),
		p.texts.of(c.Reason), p.texts.of(c.Because), p.texts.of(evidence), p.texts.of(c.Course),
	}
	for i, v := range row {
		p.values[i] = append(p.values[i], v)
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// bias lets times be a little below 0; 0 itself stands for none.
const bias = 1 << 30

// tenths is a time in tenths of a millisecond, as a column holds it.
func tenths(ms *float64) uint32 {
	if ms == nil {
		return 0
	}
	return uint32(min(max(math.Round(*ms*10)+bias, 1), math.MaxUint32))
}

// narrow writes numbers with as few bytes each as the largest needs.
func narrow(values []uint32) (width int, out []byte) {
	var most uint32
	for _, v := range values {
		most = max(most, v)
	}
	switch {
	case most <= math.MaxUint8:
		for _, v := range values {
			out = append(out, byte(v))
		}
		return 1, out
	case most <= math.MaxUint16:
		for _, v := range values {
			out = binary.LittleEndian.AppendUint16(out, uint16(v))
		}
		return 2, out
	}
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return 4, out
}
