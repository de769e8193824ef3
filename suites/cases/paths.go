package cases

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/model"
)

// PathChoice says by which paths cells are probed besides those that their case names, and in
// which families.
type PathChoice string

// The choices of paths.
const (
	OwnPaths      PathChoice = "own"      // pairwise by the case's own ones, and node ports of Services only that a case creates
	CasePaths     PathChoice = "case"     // none, in every family
	PairwisePaths PathChoice = "pairwise" // a few cells by each other path and in the other family, see Case.Cover
	AllPaths      PathChoice = "all"      // all cells by all paths, in every family
)

// Set reads a choice, as a flag does.
func (p *PathChoice) Set(text string) error {
	choices := []string{string(OwnPaths), string(CasePaths), string(PairwisePaths), string(AllPaths)}
	if !slices.Contains(choices, text) {
		return suggest.Unknown("choice of paths", text, choices)
	}
	*p = PathChoice(text)
	return nil
}

// String is what Set reads.
func (p *PathChoice) String() string { return string(*p) }

// Type names the values of the flag.
func (p *PathChoice) Type() string { return "choice" }

// DialNodePorts reports whether some of the paths are node ports, on so many nodes.
func (p PathChoice) DialNodePorts(nodes int) bool {
	return nodes >= FixtureNodes && (p == PairwisePaths || p == AllPaths)
}

// By is the case with the cells of a choice of paths on a cluster of these families. With
// less than the fixture's nodes there are no node ports.
func (c Case) By(choice PathChoice, families []model.Family, nodes int) Case {
	paths := Paths()
	if !choice.DialNodePorts(nodes) {
		paths = []Path{PathPod, PathService}
	}
	switch choice {
	case AllPaths:
		c.Paths = paths
	case PairwisePaths, OwnPaths:
		if choice == OwnPaths {
			c.OwnPorts, paths = true, c.Paths
		}
		if len(families) > 1 && !c.ofAddresses() {
			c.Whole = families[c.turn(len(families))]
		}
		c.More = c.Cover(paths, families)
	case CasePaths:
	}
	return c
}

// ByServices reports whether some cell of the case goes by a Service.
func (c Case) ByServices() bool {
	return slices.ContainsFunc(c.Paths, func(p Path) bool { return p != PathPod }) ||
		slices.ContainsFunc(c.More, func(k Cell) bool { return k.Path != PathPod })
}

// ofAddresses reports whether families may differ in the case: who selects by labels selects
// pods, with all addresses that they have.
func (c Case) ofAddresses() bool {
	return c.HasFeature(IPBlock) || c.HasFeature(DualStack) || len(c.World) > 0 || c.Makes(func(p Pod) bool { return p.AddressOf != "" }) ||
		slices.ContainsFunc(c.Steps, func(s Step) bool {
			return slices.ContainsFunc(s.Expect, func(e Expect) bool { return len(e.Families) > 0 })
		})
}

// turn is a number below n that is always the same for a case, and each for as many cases.
func (c Case) turn(n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.Name))
	return int(h.Sum32() % uint32(n))
}

// traits are what a cover pairs.
type traits struct {
	path   Path
	family model.Family
	probe  Probe
	same   bool   // both ends are on one node
	course string // of verdicts, after each step in which it is
}

// pair is two traits that a cell has together.
type pair [2]any

func (t traits) pairs() []pair {
	all := []any{t.path, t.family, t.probe, t.same, t.course}
	var pairs []pair
	for i := range all {
		for j := range i {
			pairs = append(pairs, pair{all[j], all[i]})
		}
	}
	return pairs
}

// Cover is a small set of cells by these paths, none of which the case has by itself, such
// that every two of a path, the same node or another, a family, a probe and a course of
// verdicts are met in a cell, if they are in any. It is the same for the same case: each time
// the cell is taken that meets most of what no other one has met, the first of an order that
// begins elsewhere for each case. Cells that no step judges are left out.
func (c Case) Cover(paths []Path, families []model.Family) []Cell {
	own := c
	c.Paths, c.More, c.Whole = paths, nil, ""
	var fakes []*FakeCluster
	for i := range c.Steps {
		fakes = append(fakes, c.after(i))
	}
	kinds, cells := c.candidates(fakes, families, own.has)
	left := map[pair]bool{}
	for _, t := range kinds {
		for _, p := range t.pairs() {
			left[p] = true
		}
	}
	var cover []Cell
	for len(kinds) > 0 {
		best := slices.MaxFunc(kinds, func(a, b traits) int { return cmp.Compare(met(left, a), met(left, b)) })
		if met(left, best) == 0 {
			break
		}
		kinds = slices.DeleteFunc(kinds, func(t traits) bool { return t == best })
		judged := slices.IndexFunc(cells[best], func(k Cell) bool { return c.judges(k, fakes) })
		if judged < 0 {
			continue
		}
		cover = append(cover, cells[best][judged])
		for _, p := range best.pairs() {
			delete(left, p)
		}
	}
	return cover
}

// met is how many of the pairs that are left a cell with these traits meets.
func met(left map[pair]bool, t traits) int {
	n := 0
	for _, p := range t.pairs() {
		if left[p] {
			n++
		}
	}
	return n
}

// has reports whether a cell between pods is one of those that the case has by itself.
func (c Case) has(k Cell) bool {
	return slices.Contains(c.Paths, k.Path) && c.whole(k.Client, k.Server, k.Family)
}

// candidates are all cells between pods but those of known, by their traits, and the traits in
// the order of their first cells. The course of verdicts is that of the pins.
func (c Case) candidates(fakes []*FakeCluster, families []model.Family, known func(Cell) bool) (kinds []traits, cells map[traits][]Cell) {
	all := map[Cell]traits{}
	for i, fake := range fakes {
		for _, k := range c.cells(fake, families) {
			if !IsPodKey(k.Client) || !IsPodKey(k.Server) || k.Client == k.Server || known(k) {
				continue
			}
			t := all[k]
			same := fake.nodeOf(k.Client) == fake.nodeOf(k.Server)
			all[k] = traits{k.Path, k.Family, k.Probe, same, fmt.Sprint(t.course, " ", i, c.Want(i, k))}
		}
	}
	order := slices.SortedFunc(maps.Keys(all), CompareCells)
	if len(order) > 0 {
		first := c.turn(len(order))
		order = slices.Concat(order[first:], order[:first])
	}
	cells = map[traits][]Cell{}
	for _, k := range order {
		if len(cells[all[k]]) == 0 {
			kinds = append(kinds, all[k])
		}
		cells[all[k]] = append(cells[all[k]], k)
	}
	return kinds, cells
}

// judges reports whether some step judges the cell.
func (c Case) judges(k Cell, fakes []*FakeCluster) bool {
	for i, fake := range fakes {
		if fake.leads(k.Client, k.Server, k.Kind) && c.wanted(i, k, fake) != model.Undefined {
			return true
		}
	}
	return false
}

// CompareCells is the order of reports.
func CompareCells(a, b Cell) int {
	return cmp.Or(
		cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Family, b.Family), cmp.Compare(a.Probe.Protocol, b.Probe.Protocol), cmp.Compare(a.Probe.Port, b.Probe.Port),
		cmp.Compare(a.Probe.Size, b.Probe.Size), cmp.Compare(a.Probe.Form, b.Probe.Form), cmp.Compare(a.Held, b.Held),
	)
}
