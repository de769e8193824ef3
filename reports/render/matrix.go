package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// mostCells is how many wrong cells of a step are listed one by one.
const mostCells = 20

// caseDetails says what was wrong in a case.
func (t *text) caseDetails(c *v1.Case) {
	t.line("%s", c.Title)
	if c.Spec != "" {
		t.line("spec: %s", strings.Join(strings.Fields(c.Spec), " "))
	}
	if c.Reason != "" && len(c.Steps) == 0 {
		t.line("%s", c.Reason)
	}
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.Outcome == v1.Pass {
			t.line("-- step %q: Pass", s.Name)
			continue
		}
		t.line("-- step %q: %s: %s", s.Name, s.Outcome, s.Reason)
		t.matrices(s)
		t.wrongCells(s)
	}
}

// kind is a way to probe: the cells of one matrix.
type kind struct {
	path, family, protocol string
	port, payload          uint16
	form, flow             string
}

func (k kind) String() string {
	name := k.protocol
	if k.protocol != "ICMP" {
		name = fmt.Sprintf("%d/%s", k.port, k.protocol)
	}
	if k.form != "" {
		name += "/" + k.form
	}
	name += " " + k.family
	if k.payload > 0 {
		name += fmt.Sprintf(" of %d bytes", k.payload)
	}
	if k.flow != "" {
		name = "flow " + k.flow + " " + name
	}
	if k.path != "pod" {
		name += " by " + k.path
	}
	return name
}

func kindOf(c *v1.Cell) kind {
	return kind{c.Path, c.Family, c.Protocol, c.Port, c.Payload, c.Form, c.Flow}
}

func compareKinds(a, b kind) int {
	return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.protocol, b.protocol), cmp.Compare(a.port, b.port), cmp.Compare(a.payload, b.payload), cmp.Compare(a.form, b.form), cmp.Compare(a.flow, b.flow), cmp.Compare(a.family, b.family))
}

// matrices prints the matrices in which something is wrong; kinds whose matrices are equal
// share one.
func (t *text) matrices(s *v1.Step) {
	cells := map[kind][]*v1.Cell{}
	for i := range s.Cells {
		k := kindOf(&s.Cells[i])
		cells[k] = append(cells[k], &s.Cells[i])
	}
	var order []string
	shared := map[string][]kind{}
	fine := 0
	kinds := slices.SortedFunc(maps.Keys(cells), compareKinds)
	for _, k := range kinds {
		if !slices.ContainsFunc(cells[k], isWrong) {
			fine++
			continue
		}
		picture := draw(cells[k])
		if shared[picture] == nil {
			order = append(order, picture)
		}
		shared[picture] = append(shared[picture], k)
	}
	for _, picture := range order {
		t.line("%s", title(shared[picture]))
		for line := range strings.Lines(picture) {
			t.line("  %s", strings.TrimSuffix(line, "\n"))
		}
	}
	if fine > 0 && len(order) > 0 {
		t.line("as expected by other ports and families: %d", fine)
	}
}

func title(kinds []kind) string {
	var parts []string
	for _, k := range kinds {
		parts = append(parts, k.String())
	}
	return strings.Join(parts, ", ") + ":"
}

func isWrong(c *v1.Cell) bool { return c.Outcome == v1.Fail || c.Outcome == v1.Inconclusive }

// draw draws the three matrices beside each other, each with the servers as columns.
func draw(cells []*v1.Cell) string {
	clients, servers := names(cells, func(c *v1.Cell) string { return c.Client }), names(cells, func(c *v1.Cell) string { return c.Server })
	at := map[[2]string]*v1.Cell{}
	for _, c := range cells {
		at[[2]string{c.Client, c.Server}] = c
	}
	g := grid{servers: servers, margin: len("client")}
	for _, c := range clients {
		g.margin = max(g.margin, len(c))
	}
	for _, s := range servers {
		g.column = max(g.column, len(short(s)))
	}
	var b strings.Builder
	g.header(&b)
	signs := []func(*v1.Cell) string{expected, observed, verdict}
	for _, client := range clients {
		g.row(&b, client, func(matrix, server int) string {
			if c := at[[2]string{client, servers[server]}]; c != nil {
				return signs[matrix](c)
			}
			return ""
		})
	}
	return b.String()
}

// grid is the layout of three matrices.
type grid struct {
	servers        []string
	margin, column int
}

func (g grid) header(b *strings.Builder) {
	width := len(g.servers) * (g.column + 1)
	fmt.Fprintf(b, "%-*s", g.margin, "")
	for _, name := range []string{"expected", "observed", "verdict"} {
		fmt.Fprintf(b, "   %-*s", width-1, name)
	}
	b.WriteString("\n")
	g.row(b, "", func(_, i int) string {
		if i > 0 && group(g.servers[i-1]) == group(g.servers[i]) {
			return ""
		}
		return group(g.servers[i])
	})
	g.row(b, "client", func(_, i int) string { return short(g.servers[i]) })
}

// row is a line of all three; text is what stands below a server.
func (g grid) row(b *strings.Builder, client string, text func(matrix, server int) string) {
	fmt.Fprintf(b, "%-*s", g.margin, client)
	for m := range 3 {
		b.WriteString("  ")
		for i := range g.servers {
			fmt.Fprintf(b, " %-*.*s", g.column, g.column, text(m, i))
		}
	}
	b.WriteString("\n")
}

func group(key string) string {
	g, _, _ := strings.Cut(key, "/")
	return g
}

func short(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return name
}

// names are the distinct names, sorted.
func names(cells []*v1.Cell, of func(*v1.Cell) string) []string {
	set := map[string]bool{}
	for _, c := range cells {
		set[of(c)] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func expected(c *v1.Cell) string {
	return cmp.Or(map[string]string{"Allow": ".", "Deny": "X"}[c.Want], "-")
}

func observed(c *v1.Cell) string {
	return cmp.Or(map[string]string{"Connected": ".", "Dropped": "X", "Refused": "R", "Unreachable": "R"}[c.Seen], "?")
}

func verdict(c *v1.Cell) string {
	return cmp.Or(map[v1.Outcome]string{v1.Pass: ".", v1.Fail: "X", v1.Skipped: "-", v1.NotSupported: "-"}[c.Outcome], "?")
}

// wrongCells lists the cells that did not pass, with their evidence.
func (t *text) wrongCells(s *v1.Step) {
	n := 0
	for i := range s.Cells {
		c := &s.Cells[i]
		if !isWrong(c) {
			continue
		}
		if n++; n > mostCells {
			continue
		}
		k := kindOf(c)
		k.path = "pod" // which needs no words
		t.line("  %s -> %s %s by %s: %s%s", c.Client, c.Server, k, c.Path, kindPrefix(c), c.Reason)
		if c.Evidence != "" {
			t.line("      evidence: %s", c.Evidence)
		}
		if c.Because != "" {
			t.line("      wanted because: %s", c.Because)
		}
	}
	if n > mostCells {
		t.line("  … and %d more, all in records.jsonl", n-mostCells)
	}
}

func kindPrefix(c *v1.Cell) string {
	if c.Kind == "" {
		return ""
	}
	return string(c.Kind) + ": "
}

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
		kinds[p] = append(kinds[p], kind{o.Path, o.Family, o.Protocol, o.Port, o.Payload, o.Form, o.Flow})
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
