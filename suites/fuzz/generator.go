package fuzz

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/netassay/netassay/model/gen"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/suites/misread"
)

// Options bound what a Generator draws.
type Options struct {
	// Steps is how many a case has.
	Steps int
	// Prefixes lets blocks be prefixes around pods. Whom else they hold is another in each
	// cluster: such a case is for one in memory only.
	Prefixes bool
	// Nodes lets the nodes take part, which needs as many as the fixture has.
	Nodes bool
}

// Generator draws cases. It is safe for use by several goroutines.
type Generator struct {
	seed    uint64
	options Options

	mu       sync.Mutex
	drawn    uint64
	readings []*misread.Reading
	told     map[*misread.Reading]int // how many steps have told it from the right one
}

// NewGenerator gives the generator of a seed.
func NewGenerator(seed uint64, o Options) *Generator {
	return &Generator{seed: seed, options: o, readings: misread.All(), told: map[*misread.Reading]int{}}
}

// How much is spent on the choice of a step.
const (
	candidates = 4  // to choose among
	asked      = 48 // readings: those that were told least often
	cellsAsked = 48 // of the step's
	attempts   = 50 // to draw a candidate that every cluster can do
)

// Next draws a case, pinned by the oracle.
func (g *Generator) Next() cases.Case {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drawn++
	d := newDraft(fmt.Sprintf("fuzz-%d-%d", g.seed, g.drawn), rand.NewPCG(g.seed, g.drawn), g.options)
	d.c.Title = fmt.Sprintf("Case %d of seed %d", g.drawn, g.seed)
	d.c.Spec = "What the oracle reads in the whole specification."
	for range g.options.Steps {
		g.step(d)
	}
	describe(&d.c)
	return d.c
}

// step adds the best of some candidates to a draft; none when none could be drawn.
func (g *Generator) step(d *draft) {
	least := slices.Clone(g.readings)
	d.Shuffle(len(least), func(i, j int) { least[i], least[j] = least[j], least[i] })
	slices.SortStableFunc(least, func(a, b *misread.Reading) int { return cmp.Compare(g.told[a], g.told[b]) })
	var all []candidate
	for range candidates {
		if c, ok := d.candidate(); ok {
			c.tell(least[:asked], g.told)
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	for _, best := range all {
		cells, err := judged(best.cells, &best.world.cluster)
		if err != nil {
			continue
		}
		best.step.Expect = pins(cells)
		d.c.Steps, d.world = append(d.c.Steps, best.step), best.world
		for _, r := range best.told {
			g.told[r]++
		}
		return
	}
}

// candidate is a step that may become the draft's next.
type candidate struct {
	step   cases.Step
	world  world // after it
	cells  []cases.Cell
	sample []pinned // some of them
	told   []*misread.Reading
	score  float64
}

// candidate draws a step that every cluster can do.
func (d *draft) candidate() (candidate, bool) {
	for range attempts {
		c := candidate{step: cases.Step{Name: fmt.Sprintf("step %d", len(d.c.Steps)+1), Do: d.actions()}}
		var err error
		if c.world, err = d.world.after(c.step.Do); err != nil {
			continue
		}
		trial := d.c
		trial.Steps = append(slices.Clone(d.c.Steps), c.step)
		c.cells = trial.Cells(len(d.c.Steps), c.world.cluster.Families())
		var sample []cases.Cell
		for range cellsAsked {
			sample = append(sample, gen.Pick(d, c.cells...))
		}
		if c.sample, err = judged(sample, &c.world.cluster); err == nil {
			return c, true
		}
	}
	return candidate{}, false
}

// tell finds which readings would do something else than what is wanted of the sample, and
// scores those most that were told least.
func (c *candidate) tell(readings []*misread.Reading, told map[*misread.Reading]int) {
	for _, r := range readings {
		wrong := func(p pinned) bool { return r.Verdict(&c.world.cluster.Snapshot, p.flow) != p.want }
		if slices.ContainsFunc(c.sample, wrong) {
			c.told = append(c.told, r)
			c.score += 1 / float64(1+told[r])
		}
	}
}

// describe gives a case the features that it needs.
func describe(c *cases.Case) {
	c.Features = append([]cases.Feature{cases.Ingress, cases.Egress}, c.Needed()...)
	slices.Sort(c.Features)
}
